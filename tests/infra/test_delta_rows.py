"""Tables without a JVM: rows of given files, definitions, later columns, files committed as they are."""

from datetime import UTC, datetime
from pathlib import Path

import deltalake
import pyarrow as pa
import pytest

from infra import delta
from infra.data_files import DataFileWriter
from infra.errors import MachineError
from infra.lake import Lake


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


def test_a_table_of_another_definition_is_refused_and_its_own_is_not(tmp_path: Path) -> None:
    lake, path, schema = Lake.at(tmp_path), str(tmp_path / "t"), pa.schema([("row_hash", pa.string())])
    delta.create(lake, path, schema, {"row_hash": "A hash."}, "T.", {"row_hash": "old/1"})
    delta.create(lake, path, schema, {}, "T.", {"row_hash": "old/1"})
    with pytest.raises(MachineError, match=r"row_hash old/1; expected new/1: build the lake anew"):
        delta.create(lake, path, schema, {}, "T.", {"row_hash": "new/1"})


def test_a_table_gets_the_columns_of_a_later_declaration(tmp_path: Path) -> None:
    lake, path = Lake.at(tmp_path), str(tmp_path / "t")
    delta.create(lake, path, pa.schema([("a", pa.string())]), {}, "T.")
    delta.append_arrow(lake, pa.table({"a": ["x"]}), path)
    delta.create(lake, path, pa.schema([("a", pa.string()), ("n", pa.float64())]), {}, "T.")
    assert deltalake.DeltaTable(path).to_pyarrow_table().to_pylist() == [{"a": "x", "n": None}]
    assert delta.content_version(path) == 1


def test_files_become_visible_together_and_their_reach_is_known(tmp_path: Path) -> None:
    schema = pa.schema([("a", pa.string()), ("at", pa.timestamp("us", tz="UTC")), ("x", pa.float64())])
    lake, path = Lake.at(tmp_path), str(tmp_path / "t")
    delta.create(lake, path, schema, {}, "T.")
    late = datetime(2896, 5, 1, 0, 0, 0, 123_456, tzinfo=UTC)
    writer = DataFileWriter(path, "batch", schema, ["x"])
    writer.write(pa.table({"a": ["k", "m"], "at": [late, late], "x": [float("nan"), 1.0]}, schema=schema))
    files = writer.close()
    assert deltalake.DeltaTable(path).to_pyarrow_table().num_rows == 0
    assert delta.commit_files(lake, path, files, "b") == 1
    assert deltalake.DeltaTable(path).to_pyarrow_table()["at"].to_pylist() == [late, late]
    assert delta.may_hold(path, {"a": ("l", "l"), "at": (late, late)})
    assert not delta.may_hold(path, {"a": ("n", "z"), "at": (late, late)})
    assert not delta.may_hold(path, {"a": ("k", "k"), "at": (late.replace(year=2895), late.replace(year=2895))})
    assert not delta.has_rows_within(path, {"a": ("l", "l"), "at": (late, late)})
    assert delta.has_rows_within(path, {"a": ("l", "m"), "at": (late, late)})
    assert delta.may_hold(path, {"x": (5.0, 6.0)})  # no bounds of doubles: NaN is the greatest to Spark


def test_the_version_that_gave_a_table_its_content_is_known_of_old_versions_too(tmp_path: Path) -> None:
    path = str(tmp_path / "t")
    for i in range(12):
        deltalake.write_deltalake(path, pa.table({"i": [i]}), mode="append")
    deltalake.DeltaTable(path).optimize.compact()
    newest = deltalake.DeltaTable(path).version()
    assert newest == 12
    assert [delta.content_version(path, v) for v in (None, 12, 11, 5, 0)] == [11, 11, 11, 5, 0]
    assert delta.content_version(str(tmp_path / "none")) is None
