"""SIGKILL at named points, and processes at once: a part of `make kill-matrix`, small enough for each run of the tests.

All of it (every point, every kind of delivery, random moments) takes half an hour.
"""

import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import deltalake
import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from infra import delta
from infra.lake import Lake
from ingestion import ledger, pipeline
from tests.ingestion.child import POINTS
from tests.ingestion.lakes import rows, wide
from tests.ingestion.matrix import DELIVERIES, ROOT, Case, Matrix, cases

slow = pytest.mark.slow
CASES = [
    Case("mutations", "first", "amid staging"),
    Case("mutations", "first", "after the quarantine"),
    Case("mutations", "corrected", "before derived tables"),
    Case("vitals", "repeated", "before the ledger"),
    Case("vitals", "corrected", "after all tables"),
    Case("vitals", "first", "after the ledger"),
]


def child(*arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.ingestion.child", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def finish(processes: "list[subprocess.Popen[str]]") -> None:
    try:
        for process in processes:
            _, said = process.communicate(timeout=1500)
            assert process.returncode == 0, said[-2000:]
    finally:
        for process in processes:
            process.kill()


def with_slow_renames(table: Path, n: int) -> None:
    """Lets the claiming processes begin once the renames of their JVMs are slow; returns when they have ended."""
    until = time.monotonic() + 300
    while len(found := sorted(table.glob("*.jvm"))) < n and time.monotonic() < until:
        time.sleep(0.1)
    delay = ["-e", "trace=rename,renameat,renameat2", "-e", "inject=rename,renameat,renameat2:delay_enter=50000"]
    command = ["strace", "-f", "-qq", "-o", "/dev/null", *delay, *(f"-p{f.read_text()}" for f in found)]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    time.sleep(2)
    assert tracer.poll() is None, tracer.communicate()[1]
    (table / "begin").touch()
    tracer.wait()


def test_the_matrix_has_its_points_and_kills() -> None:
    for owner, name, _ in POINTS.values():
        assert callable(getattr(owner, name))
    todo = list(cases(random_times=6))
    assert len(POINTS) >= 8 and {c.delivery for c in todo} == set(DELIVERIES)
    assert len(todo) == len(set(todo)) > 100


@slow
@pytest.mark.timeout(900)
def test_a_killed_batch_run_again_ends_like_an_undisturbed_one(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "validate", lambda *_: [])
    matrix = Matrix(spark, tmp_path)
    for source in ("vitals", "mutations"):
        matrix.prepare(source)
    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(matrix.run, CASES))
    assert {c.point for c in CASES} < set(POINTS)
    assert [o.case for o in outcomes if not o.was_killed] == []
    assert {o.case: o.difference for o in outcomes if o.difference} == {}


@slow
@pytest.mark.fire
@pytest.mark.timeout(1800)
def test_four_processes_at_once_lose_and_double_nothing(tmp_path: Path) -> None:
    """50 batches into the same tables: rows of each process's own, one row that all deliver, one that is refused."""
    lake, everyones = Lake.at(tmp_path / "lake"), "2024-03-25T09:00:00Z,70,80"
    shares = {"p0": 13, "p1": 13, "p2": 12, "p3": 12}
    processes = []
    for name, batches in shares.items():
        landings = []
        for i in range(batches):
            landing = tmp_path / name / str(i)
            landing.mkdir(parents=True)
            own = wide(name, f"2024-03-25T10:{i:02}:00Z,70,80", f"2024-03-25T10:{i:02}:30Z,900,80")
            (landing / "a.csv").write_text(own + f"all,Durand^Marie,{everyones}\n")
            landings.append(landing)
        processes.append(child("ingest", lake.root, "vitals", "", *landings))
    finish(processes)
    assert sum(shares.values()) == 50
    # Of each batch three values, of which none is doubled; what all deliver is there once.
    assert len(rows(lake)) == 50 * 3 + 2
    entries = ledger.entries(lake).to_pylist()
    assert len(entries) == 50
    assert [sum(e[c] for e in entries) for c in ("rows_in", "accepted", "quarantined", "duplicates")] == [
        300, 152, 50, 98,
    ]  # fmt: skip
    assert deltalake.DeltaTable(lake.quarantine("vital_sign")).to_pyarrow_table().num_rows == 50


@slow
@pytest.mark.fire
@pytest.mark.timeout(900)
def test_commits_of_four_processes_are_all_kept(tmp_path: Path) -> None:
    lake, table = Lake.at(tmp_path / "lake"), str(tmp_path / "lake" / "silver" / "t")
    times = 25
    delta.create(lake, table, pa.schema([("row", pa.string())]), {}, "Rows of several processes.")
    finish([child("append", lake.root, table, times, f"p{i}") for i in range(4)])
    found = deltalake.DeltaTable(table).to_pyarrow_table()["row"].to_pylist()
    assert len(found) == len(set(found)) == 4 * times


@slow
@pytest.mark.fire
@pytest.mark.timeout(600)
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed: nothing can slow a rename down")
@pytest.mark.parametrize("lock", ["locked", "unlocked"])
def test_a_version_is_one_processs_with_the_lock_and_may_be_two_processes_without(lock: str, tmp_path: Path) -> None:
    """The loss is Delta's own on a local disk: two JVMs may both rename their commit into the same place.

    Two processes write the same versions through Delta's log store, on a disk whose renames take 50 ms (strace delays
    them): the store looks once more right before it renames, so on a quick disk its gap is of microseconds. Where both
    were let write one version, the later file has taken the place of the earlier.
    """
    lake, table = Lake.at(tmp_path / "lake"), tmp_path / "lake" / "silver" / "t"
    times = 60
    (table / "_delta_log").mkdir(parents=True)
    processes = [child("claim", lake.root, table, times, f"p{i}", lock) for i in range(2)]
    with ThreadPoolExecutor(1) as pool:
        slowed = pool.submit(with_slow_renames, table, len(processes))
        finish(processes)
        slowed.result()
    won = [set(map(int, (table / f"p{i}.won").read_text().split())) for i in range(2)]
    assert won[0] | won[1] == set(range(times))
    lost = len(won[0] & won[1])
    assert lost == 0 if lock == "locked" else lost > 0
