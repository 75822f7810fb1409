"""What an ingestion answers to the person who ran it. Full paths appear here and nowhere in the lake."""

from dataclasses import asdict, dataclass, field
from typing import Literal

FileStatus = Literal["ingested", "unchanged", "rejected"]


@dataclass(frozen=True)
class FileReport:
    """One file: counts are records of the file, and rows_in = accepted + quarantined + duplicates."""

    path: str
    file_id: str | None
    source: str
    format: str | None
    status: FileStatus
    reason: str | None = None
    rows_in: int = 0
    accepted: int = 0
    quarantined: int = 0
    duplicates: int = 0
    warnings: int = 0


@dataclass(frozen=True)
class TableReport:
    """One table: its Delta version after the batch, the rows added, and those that went to its quarantine."""

    version: int
    rows_added: int
    rows_quarantined: int = 0

    def plus(self, earlier: "TableReport | None") -> "TableReport":
        """This report and an earlier one of the same table in the same batch, together."""
        if earlier is None:
            return self
        added = self.rows_added + earlier.rows_added
        return TableReport(self.version, added, self.rows_quarantined + earlier.rows_quarantined)


@dataclass(frozen=True)
class BatchReport:
    """One ingestion. Nothing new leaves `tables` empty."""

    batch_id: str
    files: tuple[FileReport, ...]
    tables: dict[str, TableReport] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    def count(self, status: FileStatus) -> int:
        return sum(f.status == status for f in self.files)
