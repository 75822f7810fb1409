"""Files of a gold table are exchanged so that touched rows are replaced and all others stay. No JVM."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.building import exchange as exchanging
from features.building.exchange import exchange
from features.building.layout import quantiles
from features.building.touched import DAY, Touched
from features.view import Feature, GoldView
from infra import changes, delta
from infra.data_files import DataFileWriter
from infra.lake import Lake

TIME = pa.timestamp("us", tz="UTC")
VALUE = Feature("value", "double", "A value.", "test/1", ())
PATIENTS = GoldView("by_patient", "patient", "", (), (VALUE,), lambda silver: silver["x"])
CASES = GoldView("by_day", "case", "", (), (VALUE,), lambda silver: silver["x"], looks_back=timedelta(hours=1))

Row = tuple[str, int, float]
"""Entity, hours since the story began, value."""


def rows_of(view: GoldView, rows: Sequence[Row]) -> pa.Table:
    schema = pa.schema(
        [
            (view.join_key, pa.string()),
            ("event_time", TIME),
            ("known_time", TIME),
            ("value", pa.float64()),
            ("file_ids", pa.list_(pa.string())),
        ]
    )
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    times = [begin + timedelta(hours=h) for _, h, _ in rows]
    return pa.table([[r[0] for r in rows], times, times, [r[2] for r in rows], [["f"]] * len(rows)], schema=schema)


def plain(table: pa.Table, view: GoldView) -> list[Row]:
    hours = pc.divide(pc.cast(table["event_time"], pa.int64()), 3_600_000_000).to_pylist()
    begin = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) // 3600
    return sorted(
        zip(table[view.join_key].to_pylist(), [h - begin for h in hours], table["value"].to_pylist(), strict=True)
    )


def day_of(row: Row) -> date:
    return (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=row[1])).date()


def scope_of(view: GoldView, keys: set[Any]) -> Touched:
    if view.looks_back is None:
        return Touched(pa.table({view.join_key: pa.array(sorted(keys), pa.string())}))
    who, when = [k for k, _ in sorted(keys)], [d for _, d in sorted(keys)]
    return Touched(pa.table({view.join_key: pa.array(who, pa.string()), DAY: pa.array(when, pa.date32())}))


def key_of(view: GoldView, row: Row) -> Any:
    return row[0] if view.looks_back is None else (row[0], day_of(row))


def written(lake: Lake, view: GoldView, files: Sequence[Sequence[Row]]) -> str:
    path = lake.gold(view.name)
    deltalake.DeltaTable.create(path, rows_of(view, []).schema, configuration=dict(delta.PROPERTIES))
    for rows in files:
        if rows:
            deltalake.write_deltalake(path, rows_of(view, sorted(rows)), mode="append")
    return path


def exchanged(lake: Lake, view: GoldView, path: str, keys: set[Any], new: Sequence[Row]) -> exchanging.Exchange:
    """Replaces the rows of `keys` by `new` in one commit."""
    staged = Path(lake.staging, "new.parquet")
    staged.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows_of(view, new), staged)
    base = deltalake.DeltaTable(path).version()
    new_rows = ds.dataset(str(staged), schema=changes.table_schema(path))
    done = exchange(path, view, changes.named_files(path, base), scope_of(view, keys), new_rows, staged.stat().st_size)
    changes.exchange_files(lake, path, base, done.removed, done.added, "record")
    return done


ROW = st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 24 * 6), st.floats(0, 9).map(float))
FILES = st.lists(st.lists(ROW, max_size=12), max_size=4)


@settings(max_examples=60)
@given(st.sampled_from([PATIENTS, CASES]), FILES, st.lists(ROW, max_size=10), st.lists(ROW, max_size=4), st.booleans())
def test_what_is_touched_is_replaced_and_all_else_stays(
    tmp_path_factory: pytest.TempPathFactory,
    view: GoldView,
    files: list[list[Row]],
    new: list[Row],
    gone: list[Row],
    is_large: bool,
) -> None:
    lake = Lake.at(tmp_path_factory.mktemp("lake"))
    path = written(lake, view, files)
    before = deltalake.DeltaTable(path)
    held = plain(before.to_pyarrow_table(), view)
    keys = {key_of(view, row) for row in [*new, *gone]}
    with pytest.MonkeyPatch.context() as patch:
        # Small sizes, so that files are split and a full last file is left alone.
        patch.setattr(exchanging, "FILE_BYTES", 400 if is_large else 1 << 20)
        done = exchanged(lake, view, path, keys, new)
    after = deltalake.DeltaTable(path)
    assert plain(after.to_pyarrow_table(), view) == sorted([*(r for r in held if key_of(view, r) not in keys), *new])
    assert plain(deltalake.DeltaTable(path, version=before.version()).to_pyarrow_table(), view) == held
    assert (after.version(), delta.commit_metadata(path)) == (before.version() + 1, "record")
    assert done.rows_removed - done.rows_written == len(held) - after.count()
    for file in done.added:
        rows = pq.read_table(f"{path}/{file.path}")
        order = list(zip(rows[view.join_key].to_pylist(), rows["known_time"].to_pylist(), strict=True))
        assert order == sorted(order)


def test_files_without_touched_rows_are_not_written(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    path = written(lake, PATIENTS, [[("a", 0, 1.0), ("b", 0, 2.0)], [("m", 0, 3.0), ("n", 0, 4.0)], [("x", 0, 5.0)]])
    names = {f.low["patient_id"]: f.path for f in changes.named_files(path)}
    done = exchanged(lake, PATIENTS, path, {"m", "o"}, [("m", 0, 7.0), ("o", 0, 8.0)])
    assert done.removed == (names["m"],)
    assert done.rows_written == 3  # n is written again with them
    # A patient who is touched, and of whom there is nothing, costs no file.
    assert exchanged(lake, PATIENTS, path, {"c"}, []) == exchanging.Exchange((), (), 0, 0)


def test_a_grown_file_is_split_between_patients(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanging, "FILE_BYTES", 1_000)
    lake = Lake.at(tmp_path)
    path = written(lake, PATIENTS, [[("a", 0, 1.0)]])
    new = [(p, h, float(h)) for p in "bcdefgh" for h in range(40)]
    done = exchanged(lake, PATIENTS, path, set("bcdefgh"), new)
    assert len(done.added) > 1
    spans = sorted((f.low["patient_id"], f.high["patient_id"]) for f in changes.named_files(path))
    assert all(high < low for (_, high), (low, _) in pairwise(spans))


def test_new_days_begin_a_file_once_the_last_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake.at(tmp_path)
    path = written(lake, CASES, [[("a", 3, 1.0)]])
    tomorrow = {("b", date(2026, 1, 2))}
    assert len(exchanged(lake, CASES, path, tomorrow, [("b", 30, 2.0)]).removed) == 1  # not full: taken along
    monkeypatch.setattr(exchanging, "FILE_BYTES", 1)
    after = {("c", date(2026, 1, 3))}
    done = exchanged(lake, CASES, path, after, [("c", 50, 3.0)])
    assert (done.removed, len(done.added)) == ((), 1)


def test_another_writer_in_between_is_told(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    path = written(lake, PATIENTS, [[("a", 0, 1.0)]])
    deltalake.write_deltalake(path, rows_of(PATIENTS, [("b", 0, 1.0)]), mode="append")
    with pytest.raises(changes.MovedError):
        changes.exchange_files(lake, path, 1, [], [], "record")


def test_care_in_between_is_no_other_content(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    path = written(lake, PATIENTS, [[("a", 0, 1.0)]])
    deltalake.DeltaTable(path).alter.set_table_properties({"delta.enableExpiredLogCleanup": "false"})
    assert changes.exchange_files(lake, path, 1, [], [], "record") == 3


@given(st.lists(st.sampled_from("abcdef"), min_size=1), st.integers(1, 5))
def test_cuts_leave_no_stretch_empty(values: list[str], parts: int) -> None:
    cuts = quantiles(pa.array(values), parts)
    assert cuts == sorted(set(cuts))
    assert len(cuts) < parts
    stretches = [sum(1 for c in cuts if str(c) <= v) for v in values]
    assert set(stretches) == set(range(len(cuts) + 1))


def test_the_log_tells_which_files_were_added(tmp_path: Path) -> None:
    path = str(tmp_path / "table")
    for value in "abc":
        deltalake.write_deltalake(path, pa.table({"x": [value]}), mode="append")
    names = changes.added_files(path, None, 2)
    assert names is not None
    assert len(names) == 3
    assert changes.added_files(path, 1, 2) == names[2:]
    deltalake.DeltaTable(path).optimize.compact()
    assert changes.added_files(path, 2, 3) == []  # compaction adds no rows
    assert changes.added_files(path, 1, 3) == names[2:]
    assert changes.added_files(path, 4, 3) is None  # older than what was read
    assert changes.added_files(path, 1, None) is None
    assert changes.added_files(str(tmp_path / "none"), None, None) == []
    deltalake.DeltaTable(path).vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert changes.added_files(path, 1, 3) is None  # its file is gone
    deltalake.write_deltalake(path, pa.table({"x": ["d"]}), mode="append")
    newest = deltalake.DeltaTable(path).version()
    deltalake.DeltaTable(path).delete("x = 'a'")
    assert changes.added_files(path, newest, newest + 1) is None  # rows were taken out


def test_arrays_of_names_are_written_with_a_dictionary(tmp_path: Path) -> None:
    names = pa.table({"names": pa.array([["IL6", "TNF"]] * 100, pa.list_(pa.string()))})
    writer = DataFileWriter(str(tmp_path), "rows", names.schema)
    writer.write(names)
    [file] = writer.close()
    column = pq.ParquetFile(tmp_path / file.path).metadata.row_group(0).column(0)
    assert "RLE_DICTIONARY" in column.encodings
