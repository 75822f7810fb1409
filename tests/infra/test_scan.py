"""Rows of Delta tables as Arrow, read by Arrow's own files."""

from pathlib import Path

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from deltalake.exceptions import TableNotFoundError
from pyarrow import fs

from infra import scan

ROWS = pa.table({"site": ["a b/c", "x%20", "ö", None], "n": [1, 2, 3, 4]})


@pytest.mark.parametrize("partitions", [[], ["site"]])
def test_rows_come_back_from_folders_of_any_name(tmp_path: Path, partitions: list[str]) -> None:
    path = str(tmp_path / "a lake, ö" / "t")
    deltalake.write_deltalake(path, ROWS, partition_by=partitions or None)
    assert scan.rows(path, ["n", "site"]).sort_by("n").to_pylist() == ROWS.select(["n", "site"]).to_pylist()
    assert scan.rows(path, ["site", "site"], pc.field("n") == 3).to_pylist() == [{"site": "ö"}]


def test_an_opened_version_is_read_as_it_was(tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    deltalake.write_deltalake(path, ROWS)
    deltalake.write_deltalake(path, ROWS, mode="append")
    assert (scan.rows(path).num_rows, scan.rows(deltalake.DeltaTable(path, version=0)).num_rows) == (8, 4)


def test_no_file_goes_through_python(tmp_path: Path) -> None:
    """Else a thread of Arrow may meet a Python that has ended, and the process aborts after all was done."""
    path = str(tmp_path / "t")
    deltalake.write_deltalake(path, ROWS)
    files = scan.dataset(path).filesystem
    assert isinstance(files, fs.SubTreeFileSystem) and isinstance(files.base_fs, fs.LocalFileSystem)


def test_an_absent_table_is_said_to_be_absent(tmp_path: Path) -> None:
    with pytest.raises(TableNotFoundError):
        scan.rows(str(tmp_path))


def test_the_rooms_read_rows_in_this_one_way() -> None:
    rooms = ("infra", "quality", "ingestion", "features", "training", "oncolake")
    root = Path(__file__).resolve().parents[2]
    others = [
        str(path.relative_to(root))
        for room in rooms
        for path in (root / room).rglob("*.py")
        if "to_pyarrow_" in path.read_text() and path.name != "scan.py"
    ]
    assert others == []
