"""Which files there are: recognised, hashed, and each refusal in a sentence; names stay outside."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.pseudonyms import Pseudonymiser
from ingestion.discovery import ENDINGS, Delivery, Found, discover
from ingestion.format import Probe
from ingestion.registry import SOURCES

VITALS = SOURCES["vitals"]
WIDE = "case_id,time,MAP\nc1,2024-01-01T10:00:00Z,70\n"
keyed = Pseudonymiser(bytes(32))


def test_each_file_is_known_or_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = tmp_path / "landing"
    (folder / ".hidden").mkdir(parents=True)
    files = {
        "a.csv": WIDE.encode(),
        "b.csv": b"",
        "c.csv": bytes(range(256)),
        "d.csv": b"name,age\nDurand,40\n",
        ".hidden/e.csv": WIDE.encode(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    found = discover(VITALS, [Delivery(folder, "paris"), Delivery(tmp_path / "nowhere"), Delivery(folder / "a.csv")])
    named = {(f.path.name, f.site_id): f for f in found}
    assert len(found) == len(named) == 6

    good = named["a.csv", "paris"]
    assert good.format is not None and good.format.name == "vitals_wide_csv" and good.reason is None
    assert good.key == (hashlib.sha256(WIDE.encode()).hexdigest(), "paris")
    assert good.size_bytes == len(WIDE)
    assert named["a.csv", "local"].key == (good.file_id, "local")  # two sites may deliver the same content

    reasons = {name: f.reason or "" for (name, _), f in named.items() if f.reason}
    assert reasons["nowhere"].startswith("There is no such file or folder; expected")
    assert reasons["b.csv"].startswith("The file is empty; expected")
    assert reasons["c.csv"].startswith("No vitals format knows this binary file; looked for vitals_long_csv (")
    assert reasons["d.csv"].startswith("No vitals format knows this text file; looked for")
    assert all(f.name in reasons["d.csv"] for f in VITALS.formats)
    assert not any("Durand" in r for r in reasons.values())
    with pytest.raises(ValueError, match="no key"):
        _ = named["nowhere", "local"].key


def test_a_file_that_a_recogniser_fails_on_does_not_stop_the_others(tmp_path: Path) -> None:
    def fail(probe: Probe) -> bool:
        if "odd" in probe.name:
            raise KeyError("Durand")
        return False

    for name in ("odd.csv", "good.csv"):
        (tmp_path / name).write_text(WIDE)
    failing = replace(VITALS.formats[0], recognise=fail)
    good, odd = discover(replace(VITALS, formats=(failing, *VITALS.formats[1:])), [Delivery(tmp_path)])
    assert good.format is not None and good.format.name == "vitals_wide_csv"
    assert odd.reason == "The file could not be recognised (KeyError); this is a defect of oncolake."


def test_an_empty_folder_holds_no_file(tmp_path: Path) -> None:
    assert discover(VITALS, [Delivery(tmp_path)]) == []


def test_progress_is_told_file_by_file(tmp_path: Path) -> None:
    for i in range(3):
        (tmp_path / f"{i}.csv").write_text(WIDE)
    seen: list[tuple[int, int]] = []
    discover(VITALS, [Delivery(tmp_path)], lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_companions_belong_to_their_file_and_to_its_id(tmp_path: Path) -> None:
    header, signal = tmp_path / "r.hea", tmp_path / "r.dat"
    header.write_text("r 1 0.5 2\nr.dat 16 10/mmHg 16 0 0 0 0 ABPMean\n")
    signal.write_bytes(b"\x01\x00\x02\x00")
    (found,) = discover(VITALS, [Delivery(tmp_path)])
    digests = [hashlib.sha256(p.read_bytes()).hexdigest() for p in (header, signal)]
    assert found.companions == (signal,)
    assert found.file_id == hashlib.sha256(" ".join(digests).encode()).hexdigest()
    signal.write_bytes(b"\x01\x00\x03\x00")
    (changed,) = discover(VITALS, [Delivery(tmp_path)])
    assert changed.file_id != found.file_id
    signal.unlink()
    (alone,) = discover(VITALS, [Delivery(tmp_path)])
    assert "names a signal file or segment that is not in its folder" in (alone.reason or "")


names = st.text(st.characters(exclude_characters="/\x00", exclude_categories=["Cs"]), min_size=1, max_size=30)


@given(names.filter(lambda n: n not in (".", "..")))
def test_a_masked_name_holds_nothing_of_the_name(name: str) -> None:
    masked = Found(Path("/landing/Durand") / name, "paris").masked_name(keyed)
    assert len(masked.split(".", 1)[0]) == 26
    rest = masked[26:]
    assert rest == "" or all(f".{ending}" in ENDINGS for ending in rest[1:].split("."))


@pytest.mark.parametrize(
    ("name", "ending"),
    [("marie.durand.csv", ".csv"), ("scan.Durand", ""), ("P001.CSV.gz", ".csv.gz"), ("durand", ""), ("x.maf", ".maf")],
)
def test_only_usual_endings_survive(name: str, ending: str) -> None:
    masked = Found(Path("/landing") / name, "paris").masked_name(keyed)
    assert masked[26:] == ending
    assert masked != Found(Path("/landing") / name, "lyon").masked_name(keyed)
