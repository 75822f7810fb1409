"""Collections of the Imaging Data Commons by name: `idc:upenn_gbm`, out of the package idc-index-data (extra `idc`).

The package brings the index of all collections as one Parquet file; nothing is fetched. A collection's rows are
written to a file of their own in the user's cache, and that file is ingested like any index. It is written once for
each version of the package, so that the ledger knows it again. Its rows are public metadata of de-identified images.
"""

import difflib
import importlib.util
import os
import re
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.errors import MachineError, UsageError
from ingestion.sources.imaging.idc_index import OPTIONAL, REQUIRED

PREFIX = "idc:"


def resolved(paths: Iterable[Path], cache: Path | None = None) -> list[Path]:
    """The paths, with `idc:COLLECTION` replaced by the path of a file with that collection's series.

    COLLECTION is the id of the index (upenn_gbm) or the archive's way to write it (UPENN-GBM). A file of the landing
    folder whose name starts with `idc:` is given by its absolute path. cache: folder for the files; default
    `oncolake/idc` in the user's cache. Raises UsageError where the extra is not installed or there is no such
    collection, MachineError where the cache cannot be written.
    """
    return [
        collection_file(str(path).removeprefix(PREFIX), cache) if str(path).startswith(PREFIX) else path
        for path in paths
    ]


def collection_file(name: str, cache: Path | None = None) -> Path:
    """The Parquet file with the series of one collection. Raises as `resolved` does."""
    if importlib.util.find_spec("idc_index_data") is None:
        raise UsageError(
            f"{PREFIX}COLLECTION needs the package idc-index-data, which is not installed; "
            "expected oncolake with its extra: oncolake[idc]."
        )
    import idc_index_data

    index: Path | None = idc_index_data.IDC_INDEX_PARQUET_FILEPATH
    if index is None:
        raise MachineError("The package idc-index-data holds no idc_index.parquet; expected it as installed.")
    collection = _known(name, index)
    folder = (cache or _cache()) / str(idc_index_data.__version__)
    path = folder / f"{collection}.parquet"
    aside = folder / f".{collection}.{os.getpid()}"
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            # Written aside and moved into place: a file that was begun and not ended is never ingested.
            try:
                pq.write_table(_series(index, collection), aside)
                aside.replace(path)
            finally:
                aside.unlink(missing_ok=True)
    except OSError as error:
        raise MachineError(
            f"The series of {PREFIX}{collection} cannot be written to {folder} ({error.strerror or error}); "
            "set XDG_CACHE_HOME to a folder with room."
        ) from error
    return path


def _known(name: str, index: Path) -> str:
    """The id of a collection that the index has."""
    wanted = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    ids = sorted(pc.unique(pq.read_table(index, columns=["collection_id"])["collection_id"]).to_pylist())
    if wanted in ids:
        return wanted
    near = difflib.get_close_matches(wanted, ids, n=3, cutoff=0.7) or [i for i in ids if wanted and wanted in i][:3]
    hint = f"the nearest are {', '.join(near)}" if near else f"expected one of {len(ids)}, such as upenn_gbm"
    raise UsageError(f"The Imaging Data Commons index has no collection {name.strip() or 'without a name'}; {hint}.")


def _series(index: Path, collection: str) -> pa.Table:
    """The rows of one collection, with the columns that the reader of indexes takes. The index is read in batches."""
    with pq.ParquetFile(index) as parquet:
        columns = [c for c in (*REQUIRED, *OPTIONAL) if c in parquet.schema_arrow.names]
        batches = [
            batch.filter(pc.equal(batch["collection_id"], collection))
            for batch in parquet.iter_batches(batch_size=65_536, columns=columns)
        ]
    return pa.Table.from_batches([b for b in batches if b.num_rows]).replace_schema_metadata(None)


def _cache() -> Path:
    """The user's cache folder for this (XDG base directories)."""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "oncolake" / "idc"
