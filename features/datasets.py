"""Training frames in files, with what is needed to check and to rebuild them: which tables they were made from.

A Parquet file carries its provenance in the metadata of its schema, a CSV in a JSON file beside it (`x.csv.json`).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.frames import digest
from features.view import LABEL_TIME
from infra import scan
from infra.errors import UsageError
from infra.lake import Lake

METADATA = b"oncolake.provenance"


@dataclass(frozen=True)
class Provenance:
    """What `features.retrieval.Retrieved` says of a frame, as a file keeps it."""

    service: str
    table_versions: dict[str, int]
    digest: str
    definitions_hash: str


@dataclass(frozen=True)
class Dataset:
    """A training frame from somewhere. provenance: None where nothing is recorded.

    is_unchanged: whether the frame is still the one that the digest was made of; None where there is none.
    """

    name: str
    frame: pd.DataFrame
    provenance: Provenance | None = None

    @property
    def table_versions(self) -> dict[str, int]:
        return {} if self.provenance is None else self.provenance.table_versions

    @property
    def is_unchanged(self) -> bool | None:
        if self.provenance is None or not self.provenance.digest:
            return None
        return digest(self.frame, self.table_versions) == self.provenance.digest


def sidecar(path: Path) -> Path:
    """The JSON file beside a CSV."""
    return path.with_name(f"{path.name}.json")


def write(path: Path, frame: pd.DataFrame, provenance: Provenance | None) -> None:
    """Writes a frame as Parquet (by the name's ending) or CSV. Raises UsageError where the place takes no file."""
    try:
        if path.suffix == ".parquet":
            table = pa.Table.from_pandas(frame, preserve_index=False)
            if provenance is not None:
                text = json.dumps(asdict(provenance), sort_keys=True).encode()
                table = table.replace_schema_metadata({**(table.schema.metadata or {}), METADATA: text})
            pq.write_table(table, path)
            return
        frame.to_csv(path, index=False)
        if provenance is not None:
            sidecar(path).write_text(json.dumps(asdict(provenance), indent=1, sort_keys=True) + "\n")
    except OSError as error:
        raise UsageError(f"{path} cannot be written ({error.strerror or type(error).__name__}).") from error


def read(path: Path) -> Dataset:
    """A frame that `write` wrote, or any CSV or Parquet of that shape; `event_timestamp` becomes UTC.

    Raises UsageError where there is no such file, it cannot be read, or its times are none.
    """
    frame, kept = _read(path, "a training frame")
    return Dataset(path.name, frame, _provenance(kept, path))


def read_labels(path: Path) -> pd.DataFrame:
    """Label rows from a CSV or Parquet: the entity's column and `event_timestamp`, which becomes UTC.

    Raises UsageError as `read` does, and where there is no such column.
    """
    frame, _ = _read(path, "labels")
    if LABEL_TIME not in frame.columns:
        raise UsageError(f"{path} has no column {LABEL_TIME}; expected the entity column and {LABEL_TIME}.")
    return frame


def _read(path: Path, what: str) -> tuple[pd.DataFrame, bytes | None]:
    """(the frame of a file, what is recorded with it)."""
    if not path.is_file():
        raise UsageError(f"There is no file {path}; expected {what} as CSV or parquet.")
    try:
        if path.suffix == ".parquet":
            table = pq.read_table(path)
            frame, kept = table.to_pandas(), (table.schema.metadata or {}).get(METADATA)
        else:
            # Numbers as they were written, to the last bit: the digest is over them.
            frame = pd.read_csv(path, float_precision="round_trip")
            kept = sidecar(path).read_bytes() if sidecar(path).is_file() else None
    except (ValueError, OSError, pa.ArrowException) as error:
        raise UsageError(
            f"{path} cannot be read as {what} ({type(error).__name__}); expected CSV or parquet."
        ) from error
    if LABEL_TIME in frame.columns:
        try:
            frame[LABEL_TIME] = pd.to_datetime(frame[LABEL_TIME], utc=True)
        except (ValueError, TypeError) as error:
            raise UsageError(
                f"Column {LABEL_TIME} of {path} holds what is no time; expected times in UTC, as 2024-03-28 14:05."
            ) from error
    return frame, kept


def saved(lake: Lake, name: str) -> Dataset | None:
    """A dataset that was saved with Feast (`create_saved_dataset`), or None where none has that name.

    Feast keeps no versions of the tables that it was made from.
    """
    from feast.errors import SavedDatasetNotFound

    from features.offline.delta_source import DeltaStorage
    from features.store.repository import open_store

    store = open_store(lake)
    try:
        found = store.registry.get_saved_dataset(name, store.project)
    except SavedDatasetNotFound:
        return None
    if not isinstance(found.storage, DeltaStorage):
        raise UsageError(f"The saved dataset {name} lies in a {type(found.storage).__name__}; expected a DeltaStorage.")
    return Dataset(name, scan.rows(found.storage.to_data_source().open(store.config)).to_pandas())


def _provenance(kept: bytes | None, path: Path) -> Provenance | None:
    if kept is None:
        return None
    try:
        values: dict[str, Any] = json.loads(kept)
        versions = {str(k): int(v) for k, v in values["table_versions"].items()}
        return Provenance(
            str(values["service"]), versions, str(values["digest"]), str(values.get("definitions_hash", ""))
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"What is recorded with {path} is no provenance of a training frame ({type(error).__name__}); "
            "fetch it again with `oncolake features get`."
        ) from error
