"""Ingests in a process of its own, which may kill itself at a named point: `python -m tests.ingestion.child`."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError

from infra import delta
from infra.lake import Lake
from infra.locks import writing
from infra.settings import Settings
from infra.spark import build_session
from infra.table import Table
from ingestion import batch, ledger, pipeline
from ingestion.appending import Appending
from ingestion.discovery import Delivery
from tests.ingestion.lakes import KEY


def die(*_: object) -> None:
    """Takes the JVM along, like a machine that stops: the child leads a process group of its own."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


def before(function: Callable[..., Any]) -> Callable[..., Any]:
    return die


def after(function: Callable[..., Any]) -> Callable[..., Any]:
    def call_and_die(*arguments: Any, **named: Any) -> None:
        function(*arguments, **named)
        die()

    return call_and_die


def amid_files(function: Callable[..., Any]) -> Callable[..., Any]:
    """Dies as soon as a data file of the batch exists: before the commit that would name it."""

    def call_watched(work: batch.Batch, rows: Any, table: Table) -> Any:
        folder = Path(work.lake.silver(table.name))
        here = set(folder.glob("*/*.parquet"))

        def watch() -> None:
            while set(folder.glob("*/*.parquet")) <= here:
                time.sleep(0.001)
            die()

        threading.Thread(target=watch, daemon=True).start()
        return function(work, rows, table)

    return call_watched


POINTS: dict[str, tuple[object, str, Callable[..., Any]]] = {
    "before reading": (batch.Batch, "prepare", before),
    "amid staging": (batch.Batch, "stage", amid_files),
    "after reading and judging": (batch.Batch, "prepare", after),
    "before the first commit": (delta, "commit_files", before),
    "after the first commit": (delta, "commit_files", after),
    "before the quarantine": (Appending, "to_quarantine", before),
    "after the quarantine": (Appending, "to_quarantine", after),
    "before derived tables": (batch.Batch, "derive", before),
    "after derived tables": (batch.Batch, "derive", after),
    "after all tables": (batch.Batch, "commit", after),
    "before the ledger": (ledger, "record", before),
    "after the ledger": (ledger, "record", after),
}
"""Where a batch may be interrupted, in the order in which it gets there."""


def settings() -> Settings:
    return Settings(pseudonym_key=KEY, spark_master="local[1]", spark_memory="800m")


def ingest_until(lake: str, source: str, point: str, *landings: str) -> None:
    """One batch a landing folder. point: one of POINTS, or `5.25 s` after the session is there, or nothing."""
    # What Great Expectations says is shown elsewhere; its import alone takes longer than all of this.
    pipeline.validate = lambda *_: []  # type: ignore[assignment]
    session = build_session(settings())
    if point.endswith(" s"):
        threading.Timer(float(point[:-2]), die).start()
    elif point:
        owner, name, kind = POINTS[point]
        setattr(owner, name, kind(getattr(owner, name)))
    for landing in landings:
        pipeline.ingest(source, [Delivery(Path(landing), "paris")], Lake.at(lake), settings(), lambda: session)
    os._exit(0)


def append_often(lake: str, table: str, times: str, name: str) -> None:
    """Commits of one row each to one table."""
    session = build_session(settings())
    for i in range(int(times)):
        frame = session.sql(f"select '{name}-{i}' as row")
        delta.append(Lake.at(lake), frame, table, f"{name}:{i}")


def claim_versions(lake: str, table: str, times: str, name: str, lock: str) -> None:
    """Writes the log entry of each version in turn through Delta's own log store, and notes which it was let write.

    Begins when a file `begin` is there. Another process does the same: a version is one process's, or a commit is lost.
    """
    session = build_session(settings())
    jvm, where = session._jvm, Lake.at(lake)
    conf = session._jsparkSession.sessionState().newHadoopConf()
    store = jvm.org.apache.spark.sql.delta.DeltaLog.forTable(session._jsparkSession, table).store()
    entries = jvm.java.util.Collections.singletonList(f'{{"commitInfo":{{"process":"{name}"}}}}')
    won = []
    Path(table, f"{name}.starting").write_text(str(jvm.java.lang.ProcessHandle.current().pid()))
    Path(table, f"{name}.starting").rename(Path(table, f"{name}.jvm"))
    while not Path(table, "begin").exists():
        time.sleep(0.01)
    for version in range(int(times)):
        target = jvm.org.apache.hadoop.fs.Path(f"{table}/_delta_log/{version:020d}.json")
        actions = jvm.scala.jdk.javaapi.CollectionConverters.asScala(entries.iterator())
        try:
            with writing(where, table) if lock == "locked" else nullcontext():
                store.write(target, actions, False, conf)
            won.append(version)
        except Py4JJavaError as error:
            if "FileAlreadyExists" not in error.java_exception.toString():
                raise
    Path(table, f"{name}.won").write_text(" ".join(map(str, won)))


if __name__ == "__main__":
    {"ingest": ingest_until, "append": append_often, "claim": claim_versions}[sys.argv[1]](*sys.argv[2:])
