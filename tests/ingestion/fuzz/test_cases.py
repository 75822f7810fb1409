"""What a case sees: readers that break a rule stand in for ours, and each breach is named."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile
from ingestion.sources.vitals.wide_csv import WIDE_CSV
from tests.ingestion.fuzz import cases
from tests.ingestion.fuzz.cases import examine
from tests.ingestion.fuzz.seed import CANARY
from tests.ingestion.fuzz.seeds import WIDE_VITALS

RAW = WIDE_CSV.raw
SITE = Site(site_id="paris")
Read = Callable[[RawFile, Site], Iterator[pa.RecordBatch]]


def good(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    yield RAW.batch(file_row=[0, 1], case_id=[CANARY, CANARY])


def row_twice(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    yield RAW.batch(file_row=[0, 1])
    yield RAW.batch(file_row=[1])


def row_below_zero(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    yield RAW.batch(file_row=[-1])


def other_schema(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    yield RAW.batch(file_row=[0]).append_column("more", pa.array([1]))


def problem_quotes(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    yield RAW.batch(file_row=[0], problem=[f"{CANARY.upper()}1 is no number"])


def refusal_quotes(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    yield RAW.batch(file_row=[0])
    raise FileError(f"The cell {CANARY} is no date.")


def refusal_says_nothing(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    raise FileError("")
    yield


def fails(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    raise KeyError("MAP")
    yield


def takes_time(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    sum(range(3_000_000))
    yield RAW.batch(file_row=[0])


@pytest.mark.parametrize(
    ("read", "failure"),
    [
        (good, None),
        (row_twice, "file_row is there twice"),
        (row_below_zero, "file_row is missing or below 0"),
        (other_schema, "another schema"),
        (problem_quotes, "a cell is quoted"),
        (refusal_quotes, "a cell is quoted"),
        (refusal_says_nothing, "no sentence"),
        (fails, "read raised KeyError"),
        (takes_time, "more than 0.01 s"),
    ],
)
def test_a_breach_is_named(read: Read, failure: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.csv"
    path.write_text(WIDE_VITALS)
    monkeypatch.setattr(cases, "formats", lambda: {"stand-in": ("exosome", replace(WIDE_CSV, read=read))})
    if read is takes_time:
        monkeypatch.setattr(cases, "SECONDS", 0.01)
    outcome = examine("stand-in", path, SITE)
    assert [failure in f for f in outcome.failures] == [True] if failure else outcome.failures == ()


def test_a_recogniser_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(probe: Probe) -> bool:
        raise UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte")

    path = tmp_path / "a.csv"
    path.write_text(WIDE_VITALS)
    failing = replace(cases.SOURCES["vitals"], formats=(replace(WIDE_CSV, recognise=fail),))
    monkeypatch.setattr(cases, "SOURCES", {"vitals": failing})
    assert (
        "recognise of vitals_wide_csv raised UnicodeDecodeError" in examine("vitals_wide_csv", path, SITE).failures[0]
    )
