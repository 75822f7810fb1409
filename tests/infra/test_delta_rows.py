"""Whether a table holds rows of given files, asked without a JVM."""

from pathlib import Path

import deltalake
import pyarrow as pa

from infra import delta


def test_rows_of_files_are_found_by_their_id_and_no_files_have_none(tmp_path: Path) -> None:
    path = str(tmp_path / "table")
    assert not delta.has_rows_with(path, "file_id", ["a"])  # no table yet
    deltalake.write_deltalake(path, pa.table({"file_id": ["a", "b"]}))
    deltalake.write_deltalake(path, pa.table({"file_id": ["c"]}), mode="append")
    assert delta.has_rows_with(path, "file_id", ["x", "b"])
    assert not delta.has_rows_with(path, "file_id", ["x"])
    assert not delta.has_rows_with(path, "file_id", [])


def test_a_file_between_others_is_not_there_for_all_that_statistics_say(tmp_path: Path) -> None:
    path = str(tmp_path / "table")
    rows = pa.table({"file_id": pa.array(["a", None, "c"] * 1_000, pa.string()), "value": range(3_000)})
    deltalake.write_deltalake(path, rows.slice(0, 0))
    deltalake.write_deltalake(path, rows, mode="append")
    assert not delta.has_rows_with(path, "file_id", ["b"])
    assert delta.has_rows_with(path, "file_id", ["b", "c"])
