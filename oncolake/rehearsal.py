"""Records the class-data archive of the JVM: part of the set-up (`python -m oncolake.rehearsal`).

What a short-lived JVM does most is to load classes. One that runs an ingestion here, in small, writes down on its way
out the classes that it loaded, parsed and verified; every later session starts from that. The rehearsal is the real
pipeline rather than a job like it, because each kind of query brings classes of its own.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from infra import jars
from infra.errors import MachineError, OncolakeError

_HEADER = "case_id,patient_id,time,MAP,HR\n"
_FILES = {
    # A first delivery, with a value to refuse; then a correction, a repetition and a new row.
    "first.csv": ("2024-03-28T09:00:00Z,80,70", "2024-03-28T09:00:01Z,999,71"),
    "second.csv": ("2024-03-28T09:00:00Z,81,70", "2024-03-28T09:00:02Z,82,72"),
}


def record_archive() -> None:
    """Writes the archive, in the place of an earlier one (it belongs to one Java, class path and set of options).

    Raises MachineError where the rehearsal failed.
    """
    aside = jars.archive_path().with_suffix(".part")
    # In a process of its own: the JVM of this one, if there is one, must not be the one that is watched.
    code = "import sys, oncolake.rehearsal; oncolake.rehearsal.rehearse(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, str(aside)], capture_output=True, text=True, check=False)
    if done.returncode:
        said = " | ".join(done.stderr.splitlines()[-3:])
        raise MachineError(f"The JVM could not be prepared (its start would be slower): {said}")
    if aside.exists():
        aside.rename(jars.archive_path())


def rehearse(archive_path: str) -> None:
    """Two deliveries through the pipeline, a join and an ordering, in a JVM that archives its classes when it ends."""
    from infra import delta
    from infra.lake import Lake
    from infra.settings import Settings
    from infra.spark import build_session, session_conf
    from ingestion.discovery import Delivery
    from ingestion.pipeline import ingest

    key = "spark.driver.extraJavaOptions"
    usual = session_conf(Settings())[key].split()
    # A JVM that starts from an archive of this kind records none.
    options = " ".join(
        [o for o in usual if "SharedArchiveFile" not in o] + [f"-XX:ArchiveClassesAtExit={archive_path}"]
    )
    settings = Settings(spark_conf={key: options}, pseudonym_key="00" * 32)
    session = build_session(settings)
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake.at(f"{folder}/lake")
        for name, rows in _FILES.items():
            path = Path(folder) / name
            path.write_text(_HEADER + "".join(f"case,patient,{row}\n" for row in rows))
            ingest("vitals", [Delivery(path)], lake, settings, lambda: session)
        table = delta.read(session, lake.silver("vital_sign"))
        table.groupBy("signal").count().join(table, "signal").orderBy("event_time").toArrow()
    gateway = session.sparkContext._gateway.proc  # type: ignore[union-attr]
    session.stop()
    # The JVM leaves when its input closes, and writes the archive on its way out: wait for that.
    gateway.stdin.close()
    gateway.wait(timeout=120)


def main() -> int:
    try:
        record_archive()
    except OncolakeError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
