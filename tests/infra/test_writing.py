"""Locks between real processes, and appends to Delta tables that lose nothing."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import deltalake
import pyarrow as pa
import pytest

from infra import delta
from infra.errors import MachineError
from infra.lake import Lake
from infra.locks import writing

HOLDER = """
import sys, time
from infra.lake import Lake
from infra.locks import writing
with writing(Lake.at(sys.argv[1]), "table"):
    print("held", flush=True)
    time.sleep(60)
"""

APPENDER = """
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


def test_a_killed_holder_frees_the_lock(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
        with writing(lake, "another table", wait_seconds=0.2):
            pass
        with (
            pytest.raises(MachineError, match="Another process has been writing to table"),
            writing(lake, "table", wait_seconds=0.2),
        ):
            pytest.fail("two processes held the same lock")
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    with writing(lake, "table", wait_seconds=5):
        pass


def test_errors_of_the_work_are_not_the_locks_to_explain(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), writing(Lake.at(tmp_path), "table"):
        raise PermissionError("of the work")
    with writing(Lake.at(tmp_path), "table", wait_seconds=1):
        pass


def test_a_lake_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in ("file", "file/lake"):
        with pytest.raises(MachineError, match="cannot be written"), writing(Lake.at(tmp_path / place), "table"):
            pytest.fail("a lake below a file was written")


def test_a_lake_in_an_object_store_needs_no_lock() -> None:
    lake = Lake.at("s3://bucket/lake/")
    assert lake.root == "s3://bucket/lake"
    with writing(lake, "table"):
        pass
    with pytest.raises(MachineError, match="object store; quality needs a local folder"):
        lake.folder("quality")


def test_appends_of_several_processes_are_all_kept(tmp_path: Path) -> None:
    lake, each = Lake.at(tmp_path), 8
    commands = [[sys.executable, "-c", APPENDER, str(tmp_path), who, str(each)] for who in "abc"]
    processes = [subprocess.Popen(c, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for c in commands]
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
    assert sorted(table.to_pyarrow_table()["row"].to_pylist()) == sorted(f"{w}-{i}" for w in "abc" for i in range(each))
    assert table.version() == 3 * each - 1


def test_a_table_begins_as_an_empty_version_0(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    path = lake.silver("t")
    assert (delta.exists(path), delta.version(path), delta.commit_metadata(path)) == (False, None, "")
    for _ in range(2):
        delta.create(lake, path, pa.schema([("a", pa.string())]), {"a": "A letter."}, "Letters.")
    table = deltalake.DeltaTable(path)
    assert (table.version(), table.metadata().description) == (0, "Letters.")
    assert table.schema().fields[0].metadata == {"comment": "A letter."}
    assert table.metadata().configuration["delta.enableDeletionVectors"] == "false"  # or delta-rs cannot read it
    assert delta.append_arrow(lake, pa.table({"a": ["x"]}), path) == 1
