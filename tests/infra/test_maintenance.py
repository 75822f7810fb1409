"""Care of tables: content and protected versions stay, files go only after the retention, writers lose nothing."""

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest

from infra import delta
from infra.errors import MachineError
from infra.lake import Lake
from infra.maintenance import LOG_KEPT, Care, care_for, clustering
from infra.tables import TABLES

ROOT = Path(__file__).resolve().parents[2]
NOW, WEEK = timedelta(0), timedelta(days=7)
# De-identified archives shift dates by centuries, past what nanoseconds hold.
START = datetime(2896, 3, 1, tzinfo=UTC)
KEYS = ("case_id", "event_time")

WRITER = """
import sys
import pyarrow as pa
from infra import delta
from infra.lake import Lake
lake, who, n = Lake.at(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for i in range(n):
    delta.append_arrow(lake, pa.table({"row": [f"{who}-{i}"]}), lake.silver("t"))
"""
CARER = """
import sys
from datetime import timedelta
from infra.lake import Lake
from infra.maintenance import care_for
lake, n = Lake.at(sys.argv[1]), int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for i in range(n):
    by = ("row",) if i % 2 else ()
    care_for(lake, lake.silver("t"), cluster_by=by, retention=timedelta(0), protected=[3])
"""


def rows(first: int, n: int = 50) -> pa.Table:
    times = [START + timedelta(minutes=7 * i % 60) for i in range(first, first + n)]
    return pa.table(
        {
            "case_id": [f"c{i % 5}" for i in range(first, first + n)],
            "event_time": pa.array(times, pa.timestamp("us", "UTC")),
            "value": [None if i % 7 == 0 else float(i) for i in range(first, first + n)],
            "bins": [[float(i), None] for i in range(first, first + n)],
        }
    )


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake.at(tmp_path / "lake")
    for i in range(6):
        delta.append_arrow(lake, rows(50 * i), lake.silver("t"))
    return lake


def content(lake: Lake, version: int | None = None) -> list[Any]:
    return sorted(deltalake.DeltaTable(lake.silver("t"), version=version).to_pyarrow_table().to_pylist(), key=str)


def care(lake: Lake, **given: Any) -> Care:
    return care_for(lake, lake.silver("t"), **({"retention": WEEK, "cluster_by": KEYS} | given))


def test_small_files_become_one_in_order_and_the_rows_stay(lake: Lake) -> None:
    before = content(lake)
    done = care(lake)
    assert (done.rewrite, done.before.n, done.before.small, done.after.n, done.after.small) == ("cluster", 6, 6, 1, 0)
    assert content(lake) == before
    assert done.before.rows == done.after.rows == 300
    # Nothing was due: the old files stay for their week.
    assert (done.removed_files, content(lake, 3)) == (0, sorted(content(lake, 3), key=str))
    assert delta.content_version(lake.silver("t")) == 5
    again = care(lake)
    assert (again.rewrite, again.version) == ("none", done.version)


def test_few_new_rows_are_joined_and_only_many_are_clustered_anew(lake: Lake) -> None:
    for i in range(6, 60):
        delta.append_arrow(lake, rows(50 * i), lake.silver("t"))
    assert care(lake).rewrite == "cluster"
    for i in range(60, 62):
        delta.append_arrow(lake, rows(50 * i, 2), lake.silver("t"))
    before = content(lake)
    done = care(lake)
    assert (done.rewrite, done.after.n) == ("compact" if done.before.unclustered_bytes * 4 <= done.before.size_bytes
                                            else "cluster", 1)  # fmt: skip
    assert content(lake) == before


def test_protected_versions_outlive_a_clean_up_and_others_do_not(lake: Lake) -> None:
    pinned = content(lake, 3)
    planned = care(lake, retention=NOW, protected=[3, 99], dry_run=True)
    assert (planned.version, planned.kept_versions, planned.lost_versions) == (5, (3,), (99,))
    assert delta.version(lake.silver("t")) == 5
    newest = content(lake)
    done = care(lake, retention=NOW, protected=[3, 99])
    assert (done.kept_versions, done.lost_versions, done.removed_files > 0) == ((3,), (99,), True)
    assert (content(lake, 3), content(lake)) == (pinned, newest)
    with pytest.raises(FileNotFoundError):
        content(lake, 4)
    # A version whose files are gone is named as lost, and does not cost the others theirs.
    later = care(lake, retention=NOW, protected=[3, 4])
    assert (later.kept_versions, later.lost_versions, content(lake, 3)) == ((3,), (4,), pinned)
    assert care(lake, retention=NOW).removed_files == 4
    with pytest.raises(FileNotFoundError):
        content(lake, 3)
    # Files that are gone are not removed again: a table that needs no care gets no version.
    assert care(lake, retention=NOW).version == care(lake, retention=NOW).version


def test_what_a_killed_writer_left_goes_after_the_retention_and_not_before(lake: Lake) -> None:
    folder = Path(lake.silver("t"))
    old, young = folder / "part-old.parquet", folder / "part-young.parquet"
    for file, days in ((old, 8), (young, 6)):
        file.write_bytes(b"x" * 1000)
        os.utime(file, (time.time() - days * 86400,) * 2)
    planned = care(lake, dry_run=True)
    assert (planned.removed_files, planned.removed_bytes, old.exists()) == (1, 1000, True)
    assert care(lake).removed_files == 1
    assert (old.exists(), young.exists()) == (False, True)


def test_the_log_of_a_table_that_is_cared_for_does_not_expire(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    deltalake.write_deltalake(lake.silver("t"), rows(0))
    care(lake)
    configuration = deltalake.DeltaTable(lake.silver("t")).metadata().configuration
    assert configuration.items() >= LOG_KEPT.items()
    assert delta.content_version(lake.silver("t")) == 0


def test_a_replaced_table_keeps_its_files_and_the_name_of_its_content(lake: Lake) -> None:
    path = lake.silver("t")
    for text in ("one", "two"):
        deltalake.write_deltalake(
            path, rows(0), mode="overwrite",
            commit_properties=deltalake.CommitProperties(custom_metadata={"userMetadata": text}),
        )  # fmt: skip
    done = care(lake, is_rewritten=False, cluster_by=(), retention=NOW)
    assert (done.rewrite, done.after.n, delta.version(path)) == ("none", 1, done.version)
    assert done.version > 7 == delta.content_version(path)
    assert delta.commit_metadata(path) == "two"
    assert content(lake, 7) == content(lake)


def test_care_among_writers_loses_and_doubles_nothing(tmp_path: Path) -> None:
    lake, each = Lake.at(tmp_path), 12
    for i in range(4):
        delta.append_arrow(lake, pa.table({"row": [f"first-{i}"]}), lake.silver("t"))
    commands = [(WRITER, "a"), (WRITER, "b"), (CARER, "c"), (CARER, "d")]
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path), who, str(each)], cwd=ROOT,
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for code, who in commands
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0
    table = deltalake.DeltaTable(lake.silver("t"))
    expected = {f"first-{i}" for i in range(4)} | {f"{w}-{i}" for w in "ab" for i in range(each)}
    assert sorted(table.to_pyarrow_table()["row"].to_pylist()) == sorted(expected)
    assert any(h["operation"] == "OPTIMIZE" for h in table.history())
    assert deltalake.DeltaTable(lake.silver("t"), version=3).to_pyarrow_table().num_rows == 4


def test_every_table_is_clustered_by_whose_it_is_and_when() -> None:
    assert clustering(TABLES["vital_sign"]) == ("case_id", "event_time")
    assert clustering(TABLES["specimen"])[0] == "patient_id"
    for table in TABLES.values():
        assert set(clustering(table)) <= {c.name for c in table.all_columns}


def test_a_lake_that_cannot_be_written_is_one_sentence(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError("Generic LocalFileSystem error: Permission denied (os error 13)")

    monkeypatch.setattr("infra.maintenance._run", refused)
    with pytest.raises(MachineError, match="cannot be written: it is read-only for this user"):
        care(lake)
