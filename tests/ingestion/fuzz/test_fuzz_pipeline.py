"""A batch of mutated files for each source through the pipeline: every record is accounted for, no cell gets out."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from infra.errors import FileError
from infra.lake import Lake
from infra.settings import Settings, Site
from infra.tables import TABLES
from ingestion import ledger, pipeline
from ingestion.discovery import Delivery
from ingestion.format import Probe, RawFile
from ingestion.pipeline import ingest
from ingestion.registry import SOURCES
from ingestion.report import FileReport
from quality.quarantine import quarantined
from tests.ingestion.fuzz.cases import SITES, mutated, written
from tests.ingestion.fuzz.seed import CANARY
from tests.ingestion.fuzz.seeds import formats, known_by
from tests.ingestion.lakes import KEY, rows

pytestmark = pytest.mark.slow
FILES = 48
"""Of each source, over its formats alike."""
SEED = 11
LARGEST_BYTES = 200_000


def mutated_files(source: str, folder: Path) -> Iterator[tuple[Path, Site]]:
    """Files in a folder each, in the landing folder of their site; none with the content of another."""
    names = [name for name, (of, _) in formats().items() if of == source]
    seen: set[str] = set()
    sites: list[Site] = []
    for number in range(-(-FILES // len(names))):
        for name in names:
            case = mutated(name, number, SEED)
            digest = hashlib.sha256(b" ".join([case.content, *case.companions.values()])).hexdigest()
            # Readers meet bombs and large files in cases.py; here the batch as a whole counts.
            if digest in seen or not case.content or len(case.content) > LARGEST_BYTES or _swells(case.content):
                continue
            seen.add(digest)
            site = case.site or SITES[0]
            if site not in sites:
                sites.append(site)
            # Two seeds may declare other things of the same hospital.
            site = site.model_copy(update={"site_id": f"hospital{sites.index(site)}"})
            place = folder / site.site_id / f"{name}-{number}"
            place.mkdir(parents=True)
            yield written(case, place), site


def _swells(content: bytes) -> bool:
    """A zip or gzip bomb is some hundred kilobytes of the same."""
    return content.startswith((b"PK", b"\x1f\x8b")) and len(content) > 100_000


def records_of(source: str, path: Path, site: Site) -> int | None:
    """How many records a reader makes of the file, alone; None where it or discovery refuses the file."""
    format_ = known_by(source, Probe.at(path), site)
    try:
        if format_ is None:
            return None
        companions = {c.name: c for c in format_.companions(path)}
        return sum(batch.num_rows for batch in format_.read(RawFile.at(path, companions), site))
    except FileError:
        return None


@pytest.mark.timeout(900)
@pytest.mark.parametrize("source", list(SOURCES))
def test_every_record_of_mutated_files_is_accounted_for(
    source: str, spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What Great Expectations says is shown by tests/quality.
    monkeypatch.setattr(pipeline, "validate", lambda *_: [])
    given = {str(path): site for path, site in mutated_files(source, tmp_path / "landing")}
    sites = {s.site_id: s for s in given.values()}
    settings, lake = Settings(pseudonym_key=KEY, sites=sites), Lake.at(tmp_path / "lake")
    deliveries = [Delivery(tmp_path / "landing" / name, name, site) for name, site in sites.items()]
    report = ingest(source, deliveries, lake, settings, lambda: spark)

    reported = {f.path: f for f in report.files if f.path in given}
    assert reported.keys() == given.keys()
    assert {p: f for p, f in reported.items() if not _is_accounted(f)} == {}
    ingested = {p: f for p, f in reported.items() if f.status == "ingested"}
    assert len(ingested) > len(given) // 10
    expected = {p: records_of(source, Path(p), site) for p, site in given.items()}
    assert {p: f.rows_in for p, f in ingested.items()} == {p: n for p, n in expected.items() if n is not None}

    entries = ledger.entries(lake).to_pylist()
    for column in ("rows_in", "accepted", "quarantined", "duplicates"):
        assert sum(e[column] or 0 for e in entries) == sum(getattr(f, column) for f in report.files)
    added = {name: t.rows_added for name, t in report.tables.items()}
    assert {name: len(rows(lake, name)) for name in TABLES if rows(lake, name)} == {n: a for n, a in added.items() if a}
    refused = {name: quarantined(lake, name).to_pylist() for name in TABLES}
    said = [f.reason for f in report.files] + [r["reasons"] for found in refused.values() for r in found]
    assert CANARY.lower() not in json.dumps(said, default=str).lower()


def _is_accounted(f: FileReport) -> bool:
    if f.status == "rejected":
        return f.rows_in == 0 and bool(f.reason) and "defect" not in str(f.reason)
    return f.status == "ingested" and f.rows_in == f.accepted + f.quarantined + f.duplicates
