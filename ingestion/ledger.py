"""The ledger: one row for each version of each file ever seen. It is written last, so that what it says is done."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from infra import delta, scan
from infra.lake import Lake
from infra.locks import writing

SCHEMA = pa.schema(
    [
        pa.field("file_id", pa.string()),
        pa.field("masked_name", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("format", pa.string()),
        pa.field("reader_version", pa.int32()),
        pa.field("site_id", pa.string(), nullable=False),
        pa.field("size_bytes", pa.int64()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("reason", pa.string()),
        pa.field("rows_in", pa.int64(), nullable=False),
        pa.field("accepted", pa.int64(), nullable=False),
        pa.field("quarantined", pa.int64(), nullable=False),
        pa.field("duplicates", pa.int64(), nullable=False),
        pa.field("warnings", pa.int64(), nullable=False),
        pa.field("batch_id", pa.string(), nullable=False),
        pa.field("ingested_at", pa.timestamp("us", tz="UTC"), nullable=False),
    ]
)
COMMENTS = {
    "file_id": "SHA-256 of the content (with its companions'); null where the file could not be read at all.",
    "masked_name": "Keyed hash of the path, with the file's ending: names often embed a patient's.",
    "status": "ingested, rejected, or replayed: the counts of an ingested file after records left its quarantine.",
    "rows_in": "Records in the file; always accepted + quarantined + duplicates.",
    "warnings": "Accepted or duplicate rows that break a check below critical.",
}


COUNTS = ("accepted", "quarantined", "duplicates")


@dataclass(frozen=True)
class Entry:
    """One row of the ledger."""

    file_id: str | None
    masked_name: str
    source: str
    format: str | None
    reader_version: int | None
    site_id: str
    size_bytes: int | None
    status: str
    reason: str | None
    rows_in: int
    accepted: int
    quarantined: int
    duplicates: int
    warnings: int
    batch_id: str


def entries(lake: Lake) -> pa.Table:
    """The whole ledger as an Arrow table; empty where nothing was ever ingested."""
    if not delta.exists(lake.ledger):
        return SCHEMA.empty_table()
    return scan.rows(lake.ledger, SCHEMA.names).cast(SCHEMA)


def ingested(lake: Lake, source: str) -> set[tuple[str, str]]:
    """(file_id, site_id) of every file that `source` has ingested."""
    if not delta.exists(lake.ledger):
        return set()
    is_done = (pc.field("source") == source) & (pc.field("status") == "ingested")
    done = scan.rows(lake.ledger, ["file_id", "site_id"], is_done)
    return set(zip(done["file_id"].to_pylist(), done["site_id"].to_pylist(), strict=True))


def accounted(lake: Lake, source: str, key: tuple[str, str]) -> Entry:
    """The entry with which `source` ingested a file (file_id, site_id). Raises KeyError where it did not."""
    ledger = entries(lake)
    is_it = (pc.field("file_id") == key[0]) & (pc.field("site_id") == key[1])
    found = ledger.filter(is_it & (pc.field("source") == source) & (pc.field("status") == "ingested")).to_pylist()
    if not found:
        raise KeyError(f"{source} has ingested no file {key[0]} of {key[1]}")
    return Entry(**{k: v for k, v in found[0].items() if k != "ingested_at"})


def record(lake: Lake, rows: Iterable[Entry]) -> None:
    """Appends entries that say something new: the same verdict on the same file is not written twice."""
    given = list(map(asdict, rows))
    if not given:
        return
    with writing(lake, "ledger-record"):
        # Only what is known of these files: a ledger of years is not made into Python objects for one new file.
        same_file = pc.field("file_id").isin(pa.array([r["file_id"] for r in given if r["file_id"]], pa.string()))
        known = {_verdict(row) for row in entries(lake).filter(same_file | pc.field("file_id").is_null()).to_pylist()}
        now = datetime.now(UTC)
        new = []
        for row in given:
            if (verdict := _verdict(row)) not in known:
                known.add(verdict)
                new.append(row | {"ingested_at": now})
        if not new:
            return
        delta.create(lake, lake.ledger, SCHEMA, COMMENTS, "One row for each version of each file ever seen.")
        delta.append_arrow(lake, pa.Table.from_pylist(new, SCHEMA), lake.ledger)


def _verdict(row: dict[str, object]) -> tuple[object, ...]:
    name = None if row["file_id"] else row["masked_name"]
    verdict = (row["file_id"], name, row["source"], row["site_id"], row["status"], row["reason"])
    # A file is ingested once; each replay that moves some of its records gives it new counts.
    return (*verdict, *(row[c] for c in COUNTS)) if row["status"] == "replayed" else verdict
