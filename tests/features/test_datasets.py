"""Training frames in files: what was fetched comes back to the last bit, with the tables that it was made from."""

from pathlib import Path

import pandas as pd
import pytest

from features.datasets import Provenance, read, sidecar, write
from features.frames import digest
from infra.errors import UsageError

VERSIONS = {"clinical_profile": 3}


def frame() -> pd.DataFrame:
    times = pd.to_datetime(["2026-03-01 10:00:00.123456+00:00", "1969-12-31 23:59:59.999999+00:00"], utc=True)
    return pd.DataFrame(
        {
            "patient_id": ["a", "b"],
            "event_timestamp": times,
            "is_event": [True, False],
            "clinical_profile__karnofsky": [0.1 + 0.2, float("nan")],
        }
    )


def provenance() -> Provenance:
    return Provenance("overall_survival_v1", VERSIONS, digest(frame(), VERSIONS), "d" * 64)


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_a_frame_comes_back_with_its_provenance(name: str, tmp_path: Path) -> None:
    write(tmp_path / name, frame(), provenance())
    back = read(tmp_path / name)
    assert back.provenance == provenance()
    assert back.is_unchanged
    assert back.frame["clinical_profile__karnofsky"].iloc[0] == 0.1 + 0.2
    assert sidecar(tmp_path / name).exists() == name.endswith(".csv")


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_a_frame_that_was_changed_since_says_so(name: str, tmp_path: Path) -> None:
    write(tmp_path / name, frame().assign(clinical_profile__karnofsky=[0.3, 1.0]), provenance())
    assert read(tmp_path / name).is_unchanged is False


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_a_frame_without_provenance_is_read_too(name: str, tmp_path: Path) -> None:
    write(tmp_path / name, frame(), None)
    back = read(tmp_path / name)
    assert (back.provenance, back.table_versions, back.is_unchanged) == (None, {}, None)


@pytest.mark.parametrize(
    ("name", "content", "beside", "sentence"),
    [
        ("none.csv", None, None, "There is no file .*none.csv"),
        ("x.parquet", b"text", None, "cannot be read as a training frame"),
        ("x.csv", b"", None, "cannot be read as a training frame"),
        ("x.csv", b"event_timestamp\nsoon\n", None, "holds what is no time"),
        ("x.csv", b"event_timestamp\n2026-01-01\n", b"[1]", "no provenance of a training frame"),
        ("x.csv", b"event_timestamp\n2026-01-01\n", b"{", "no provenance of a training frame"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(
    name: str, content: bytes | None, beside: bytes | None, sentence: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    if beside is not None:
        sidecar(tmp_path / name).write_bytes(beside)
    with pytest.raises(UsageError, match=sentence):
        read(tmp_path / name)


def test_a_place_that_takes_no_file_is_named(tmp_path: Path) -> None:
    for name in ("x.csv", "x.parquet"):
        with pytest.raises(UsageError, match="cannot be written"):
            write(tmp_path / "absent" / name, frame(), None)
