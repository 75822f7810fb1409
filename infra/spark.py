"""The one builder of Spark sessions: tuned for one machine, pointed at a cluster by a setting."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from infra import jars
from infra.errors import MachineError
from infra.java import java_command
from infra.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOG4J = Path(__file__).parent / "deploy" / "log4j2.properties"


def session_conf(settings: Settings) -> dict[str, str]:
    """The configuration of a session. `settings.spark_conf` has the last word on every key."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    java_options = [
        f"-Dlog4j2.configurationFile={LOG4J.as_uri()}",
        # One heap for driver and tasks on few cores: a serial collector starts faster and needs no threads.
        "-XX:+UseSerialGC",
        # Planning a query makes garbage by the gigabyte: a larger nursery is emptied half as often.
        "-XX:NewSize=256m",
        # Tables hold UTC; the JVM must not read a zone from the machine.
        "-Duser.timezone=UTC",
        # An archive of another Java is ignored without a word.
        "-Xlog:cds=off",
        "-Xlog:cds+dynamic=off",
    ]
    if archive := jars.archive():
        # Classes of a rehearsed Delta job, already parsed and verified: saves seconds of each start.
        java_options.append(f"-XX:SharedArchiveFile={archive}")
    if settings.spark_master.startswith("local") and settings.spark_compiler == "c1":
        # Batches are small and sessions short: planning dominates, and the optimising compiler (C2) spends more
        # time than it saves. Measured on 2 cores: half the CPU time for reads, windows and appends of small tables.
        java_options.append("-XX:TieredStopAtLevel=1")
        # Without C2 a JVM reserves 48 MB for compiled code. A dozen queries fill that, since Spark compiles classes for
        # each of them, and a full one turns the compiler off for the rest of the session.
        java_options.append("-XX:ReservedCodeCacheSize=240m")
    conf = {
        "spark.app.name": "oncolake",
        "spark.master": settings.spark_master,
        "spark.driver.memory": settings.spark_memory,
        "spark.driver.extraJavaOptions": " ".join(java_options),
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.session.timeZone": "UTC",
        # Microseconds hold the shifted years of de-identified archives (2896); INT96, the default, becomes
        # nanoseconds in delta-rs, which end in 2262.
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        # Arrow between the JVM and Python, never pickled rows.
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "20000",
        # delta-rs, which serves features without a JVM, reads no deletion vectors.
        "spark.databricks.delta.properties.defaults.enableDeletionVectors": "false",
        # The log is what makes an old version readable; `oncolake maintain` protects versions for as long as runs do.
        "spark.databricks.delta.properties.defaults.enableExpiredLogCleanup": "false",
        # A Delta log of thousands of commits is small; 50 partitions to replay it are 50 tasks for nothing.
        "spark.databricks.delta.snapshotPartitions": "2",
        # A later declaration may have more columns than the table on disk.
        "spark.databricks.delta.schema.autoMerge.enabled": "true",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    if settings.spark_master.startswith("local"):
        conf |= {
            # Nothing of a local session is reachable from another machine.
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            # On the class path rather than in spark.jars: not copied at each start, and covered by the archive.
            "spark.driver.extraClassPath": os.pathsep.join(str(path) for path in jars.jars()),
            # Batches are megabytes: more shuffle partitions than cores only add task starts.
            "spark.sql.shuffle.partitions": str(max(2, cores)),
            "spark.default.parallelism": str(max(2, cores)),
            "spark.sql.warehouse.dir": str(Path(tempfile.gettempdir()) / "oncolake-warehouse"),
        }
    else:
        conf["spark.jars"] = ",".join(str(path) for path in jars.jars())
    return conf | settings.spark_conf


def build_session(settings: Settings) -> "SparkSession":
    """Starts (or returns the running) session.

    What the JVM prints goes to a temporary log, so that a terminal shows progress and results only; where the
    start fails, the end of that log is in the MachineError.
    """
    java_command()
    from pyspark.sql import SparkSession

    if settings.spark_master.startswith("local"):
        # Python workers run our readers: they must be the interpreter that runs us. Read when a session starts.
        os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder
    for key, value in session_conf(settings).items():
        builder = builder.config(key, value)
    with tempfile.NamedTemporaryFile("w+", prefix="oncolake-spark-", suffix=".log", delete=False) as log:
        path = Path(log.name)
        try:
            with _stderr_to(log.fileno()):
                return builder.getOrCreate()
        except Exception as error:
            said = [line for line in path.read_text(errors="replace").splitlines() if line.strip()][-3:]
            raise MachineError(f"Spark did not start ({type(error).__name__}): {' | '.join(said)}") from error
        finally:
            # The JVM keeps its open handle; the name is not needed any more.
            path.unlink(missing_ok=True)


def running_session() -> "SparkSession":
    """The session of this process; where none runs yet, one by the settings of the environment."""
    from pyspark.sql import SparkSession

    return SparkSession.getActiveSession() or build_session(Settings())


@contextmanager
def _stderr_to(descriptor: int) -> Iterator[None]:
    """Child processes started inside inherit `descriptor` as their standard error."""
    saved = os.dup(2)
    try:
        os.dup2(descriptor, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
