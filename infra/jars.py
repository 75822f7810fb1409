"""The Delta JARs, fetched once and kept beside the environment, so that no later start resolves or downloads.

`python -m infra.jars` is part of the set-up. It lets Spark's own resolver fetch the version that matches the locked
delta-spark package, and checks every JAR against `infra/deploy/jars.sha256`.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.errors import MachineError, OncolakeError
from infra.java import java_command

DELTA = "io.delta:delta-spark_4.1_2.13:4.4.0"
# What pyspark already ships; without it the download is 13 MB rather than 87 MB.
ALREADY_IN_PYSPARK = (
    "com.fasterxml.jackson.core:jackson-annotations",
    "com.fasterxml.jackson.core:jackson-core",
    "com.fasterxml.jackson.core:jackson-databind",
    "com.fasterxml.jackson.datatype:jackson-datatype-jdk8",
    "com.github.luben:zstd-jni",
    "com.google.code.findbugs:jsr305",
    "commons-logging:commons-logging",
    "commons-pool:commons-pool",
    "javax.annotation:javax.annotation-api",
    "org.apache.hadoop:hadoop-client-api",
    "org.apache.hadoop:hadoop-client-runtime",
    "org.apache.logging.log4j:log4j-api",
    "org.apache.logging.log4j:log4j-core",
    "org.apache.logging.log4j:log4j-slf4j2-impl",
    "org.apache.parquet:parquet-column",
    "org.apache.parquet:parquet-common",
    "org.apache.parquet:parquet-encoding",
    "org.apache.parquet:parquet-format-structures",
    "org.apache.parquet:parquet-hadoop",
    "org.apache.parquet:parquet-jackson",
    "org.roaringbitmap:RoaringBitmap",
    "org.roaringbitmap:shims",
    "org.slf4j:slf4j-api",
    "org.xerial.snappy:snappy-java",
)
SUMS = Path(__file__).parent / "deploy" / "jars.sha256"


def home() -> Path:
    """The folder beside the environment that holds the JARs and the class-data archive."""
    return Path(sys.prefix) / "oncolake"


def expected() -> dict[str, str]:
    """File name -> SHA-256 of each JAR, from the committed list."""
    return {name: digest for digest, name in (line.split() for line in SUMS.read_text().splitlines() if line)}


def jars() -> list[Path]:
    """The JARs, in a fixed order. Raises MachineError where the set-up has not fetched them."""
    paths = [home() / "jars" / name for name in sorted(expected())]
    if not all(path.exists() for path in paths):
        raise MachineError("The Delta JARs are not beside the environment; run `make setup` (it fetches them once).")
    return paths


def archive_path() -> Path:
    """Where the class-data-sharing archive lies, if there is one (`oncolake.rehearsal` records it)."""
    return home() / "classes.jsa"


def archive() -> Path | None:
    """The class-data-sharing archive, where there is one."""
    return archive_path() if archive_path().exists() else None


def fetch() -> None:
    """Fetches what is missing and checks it. Raises MachineError where a JAR is missing or is not the expected one."""
    target = home() / "jars"
    wanted = expected()
    if all((target / name).exists() for name in wanted):
        return
    with tempfile.TemporaryDirectory() as ivy:
        _resolve(Path(ivy))
        found = {path.name: path for path in (Path(ivy) / "jars").glob("*.jar")}
        missing = sorted(set(wanted) - set(found))
        if missing:
            raise MachineError(f"Maven Central did not give {', '.join(missing)}; check the connection and run again.")
        target.mkdir(parents=True, exist_ok=True)
        for name, digest in wanted.items():
            if hashlib.sha256(found[name].read_bytes()).hexdigest() != digest:
                raise MachineError(f"{name} is not the JAR that {SUMS.name} lists; it is not installed.")
            shutil.copy(found[name], target / f"{name}.part")
            (target / f"{name}.part").rename(target / name)


def _resolve(ivy: Path) -> None:
    # In a process of its own: the resolver prints a page, and a JVM of this process must start with the JARs on it.
    code = "import infra.jars, sys; infra.jars.resolve(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, str(ivy)], capture_output=True, text=True, check=False)
    if done.returncode:
        said = " | ".join(line.strip() for line in (done.stdout + done.stderr).splitlines() if "rror" in line)
        raise MachineError(f"Maven Central could not be asked for {DELTA}: {said[-500:]}")


def resolve(ivy: str) -> None:
    """Lets Spark's resolver put the Delta JARs, and what they need beyond pyspark's own, into `ivy`/jars."""
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
    builder = builder.config("spark.jars.packages", DELTA).config("spark.jars.ivy", ivy)
    builder.config("spark.jars.excludes", ",".join(ALREADY_IN_PYSPARK)).getOrCreate().stop()


def main() -> int:
    try:
        java_command()
        fetch()
    except OncolakeError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
