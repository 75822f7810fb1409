"""The pipeline end to end on small files: accounting, repetition, refusals, privacy, interruption, company."""

from pathlib import Path

import deltalake
import pytest
from pyspark.sql import SparkSession

from infra.errors import UsageError
from infra.lake import Lake
from infra.settings import Settings, Site
from ingestion import ledger, pipeline
from ingestion.pipeline import ingest
from ingestion.status import lake_status
from quality.quarantine import quarantined
from tests.ingestion.lakes import KEY, SETTINGS, decoded, deliver, no_session, rows, wide

ROOT = Path(__file__).resolve().parents[2]
slow = pytest.mark.slow

MONDAY = wide(
    "Durand-op1",
    "2024-03-25T10:00:00Z,70,80",
    "2024-03-25T10:01:00Z,900,81",  # no pressure: quarantined
    "2024-03-25T10:02:00Z,low,82",  # no number: quarantined
    "2024-03-25T10:00:00Z,70,",  # said before: a duplicate
)
TUESDAY = wide("Durand-op2", "2024-03-26T10:00:00Z,75,85", "2024-03-26T10:01:00Z,0,86")
CANARIES = ("Durand", "durand", "DURAND", "Marie")


@pytest.fixture
def no_expectations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of other things skip Great Expectations, which test_verdicts shows, to take a third of the time."""
    monkeypatch.setattr(pipeline, "validate", lambda *_: [])


def test_an_unknown_source_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no source blood; expected one of imaging, exosome, cytokine"):
        ingest("blood", [], Lake.at(tmp_path), SETTINGS, no_session)


def test_what_cannot_be_read_needs_no_session_and_is_on_record(tmp_path: Path) -> None:
    lake, landing = Lake.at(tmp_path / "lake"), tmp_path / "Durand"
    landing.mkdir()
    (landing / "empty.csv").touch()
    (landing / "binary.csv").write_bytes(b"\x00\x01\x02" * 50)
    for _ in range(2):
        report, files = deliver(lake, [landing, landing / "absent.csv"], no_session)
        assert (report.count("rejected"), report.tables) == (3, {})
    assert {name: (f.reason or "").split(";")[0] for name, f in files.items()} == {
        "absent.csv": "There is no such file or folder",
        "empty.csv": "The file is empty",
        "binary.csv": "No vitals format knows this binary file",
    }
    recorded = ledger.entries(lake).to_pylist()
    assert sorted(r["reason"] for r in recorded) == sorted(f.reason or "" for f in files.values())
    assert not any(canary in str(recorded) for canary in CANARIES)


@slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_mixed_delivery(spark: SparkSession, tmp_path: Path) -> None:
    """One bad row never rejects a file, one bad file never stops a batch, and no name enters the lake."""
    lake, landing = Lake.at(tmp_path / "lake"), tmp_path / "Durand_Marie"
    landing.mkdir()
    contents = {
        "Durand.csv": MONDAY.encode(),
        "copy of Durand.csv": MONDAY.encode(),
        "empty.csv": b"",
        "binary.csv": b"\x00\x01\x02" * 50,
        "letter.durand": b"Chere Mme Durand, ...\n",
    }
    for name, content in contents.items():
        (landing / name).write_bytes(content)
    report, files = deliver(lake, [landing, landing / "absent.csv"], lambda: spark)
    assert {name: f.status for name, f in files.items()} == {
        "Durand.csv": "ingested",
        "copy of Durand.csv": "unchanged",
        "empty.csv": "rejected",
        "binary.csv": "rejected",
        "letter.durand": "rejected",
        "absent.csv": "rejected",
    }
    good = files["Durand.csv"]
    assert (good.rows_in, good.accepted, good.quarantined, good.duplicates) == (7, 4, 2, 1)
    assert {n: (t.rows_added, t.rows_quarantined) for n, t in report.tables.items()} == {"vital_sign": (4, 2)}

    kept = rows(lake)
    case = SETTINGS.pseudonymiser.identifier("paris", "Durand-op1")
    assert sorted((r["signal"], r["value"]) for r in kept) == [("HR", 80), ("HR", 81), ("HR", 82), ("MAP", 70)]
    assert {(r["case_id"], r["file_id"], r["site_id"], r["batch_id"]) for r in kept} == {
        (case, good.file_id, "paris", report.batch_id)
    }
    refused = quarantined(lake, "vital_sign").to_pylist()
    assert [sorted(r["reasons"]) for r in sorted(refused, key=lambda r: r["file_row"])] == [
        [next(x for r in refused for x in r["reasons"] if "14 to 330" in x)],
        ["MAP is not a number", "value is given"],
    ]
    assert all(case in r["record"] for r in refused)  # kept whole, under the pseudonym

    found = {(path.name, canary) for path, text in decoded(lake) for canary in CANARIES if canary in text}
    assert found == set()
    shown = lake_status(lake)
    assert [(t.name, t.rows, t.quarantined) for t in shown.tables] == [("vital_sign", 4, 2)]
    assert [(b.files, b.rejected, b.rows_in) for b in shown.batches] == [(5, 4, 7)]

    before = {path: path.read_bytes() for path, _ in decoded(lake)}
    again, files = deliver(lake, [landing, landing / "absent.csv"], no_session)
    assert (again.tables, files["Durand.csv"].status) == ({}, "unchanged")
    assert {path: path.read_bytes() for path, _ in decoded(lake)} == before


@slow
@pytest.mark.usefixtures("no_expectations")
def test_a_file_refused_for_its_dates_enters_once_its_site_is_declared(spark: SparkSession, tmp_path: Path) -> None:
    lake, landing = Lake.at(tmp_path / "lake"), tmp_path / "landing"
    landing.mkdir()
    (landing / "iso.csv").write_text(TUESDAY)
    (landing / "open.csv").write_text(wide("Durand-op3", "04/03/2024 10:00,71,81"))
    _, files = deliver(lake, [landing], lambda: spark)
    assert files["open.csv"].reason == (
        "Dates in column time can be read two ways (day or month first); "
        "declare day_first for site paris in the settings file."
    )
    assert (files["iso.csv"].status, files["iso.csv"].accepted, len(rows(lake))) == ("ingested", 3, 3)
    declared = Settings(pseudonym_key=KEY, sites={"paris": Site(day_first=True)})
    report, files = deliver(lake, [landing], lambda: spark, declared)
    assert {name: (f.status, f.accepted) for name, f in files.items()} == {
        "iso.csv": ("unchanged", 0),
        "open.csv": ("ingested", 2),
    }
    assert report.tables["vital_sign"].rows_added == 2
    assert len(rows(lake)) == 5  # what the answer says is in the table


@slow
@pytest.mark.usefixtures("no_expectations")
def test_a_batch_leaves_no_file_that_no_commit_names(spark: SparkSession, tmp_path: Path) -> None:
    """A repeated key makes the first files useless; so does a file of the batch that cannot be read to its end."""
    lake, landing = Lake.at(tmp_path / "lake"), tmp_path / "landing"
    landing.mkdir()
    (landing / "monday.csv").write_text(MONDAY)
    deliver(lake, [landing], lambda: spark)
    (landing / "again.csv").write_text(MONDAY + "\n")
    (landing / "open.csv").write_text(wide("op7", "03/04/2024 10:00,70,80"))  # a date with two readings
    _, files = deliver(lake, [landing], lambda: spark)
    assert (files["again.csv"].accepted, files["open.csv"].status) == (0, "rejected")
    for path in (lake.silver("vital_sign"), lake.quarantine("vital_sign")):
        named = {Path(uri.removeprefix("file://")) for uri in deltalake.DeltaTable(path).file_uris()}
        assert set(Path(path).rglob("*.parquet")) - set(Path(path, "_delta_log").glob("*")) == named
    assert not list(Path(lake.staging).iterdir())
