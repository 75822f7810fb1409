"""What the machine must have: a Java that is new enough, the JARs of the list, and nothing that calls home."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra import jars
from infra.errors import MachineError
from infra.java import java_command
from infra.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def fake_java(folder: Path, says: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    java = folder / "java"
    java.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    java.chmod(0o755)
    return java


@pytest.mark.parametrize(
    ("says", "said"),
    [
        ('openjdk version "11.0.2" 2019-01-15', "is Java 11; Spark needs Java 17 or newer"),
        ('java version "1.8.0_292"', "is Java 8; Spark needs Java 17 or newer"),
        ("command not understood", "is Java of unknown version; Spark needs Java 17 or newer"),
    ],
)
def test_an_old_java_is_one_sentence(says: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_java(tmp_path, says)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MachineError, match=said):
        java_command()


def test_java_home_comes_before_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = fake_java(tmp_path / "new" / "bin", 'openjdk version "21" 2023-09-19')
    fake_java(tmp_path / "old", 'openjdk version "11.0.2"')
    monkeypatch.setenv("PATH", str(tmp_path / "old"))
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "new"))
    assert java_command() == str(new)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "nowhere"))
    with pytest.raises(MachineError, match=r"No Java was found .* install Java 17"):
        java_command()


def test_the_check_of_java_needs_no_package(tmp_path: Path) -> None:
    """It runs before anything is installed, so with the standard library only (-S: no site-packages)."""
    command = [sys.executable, "-S", "-m", "infra.java"]
    done = subprocess.run(command, cwd=ROOT, env={"PATH": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "No Java was found (JAVA_HOME or PATH); install Java 17, for example OpenJDK 17.\n"


def test_the_jars_beside_the_environment_are_those_of_the_list() -> None:
    found = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (jars.home() / "jars").glob("*.jar")}
    assert found == jars.expected()
    assert [p.name for p in jars.jars()] == sorted(found)


def test_missing_jars_name_the_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    assert jars.archive() is None
    with pytest.raises(MachineError, match="run `make setup`"):
        jars.jars()


def test_settings_have_the_last_word_on_the_session() -> None:
    from infra.spark import session_conf

    plain = session_conf(Settings())
    assert plain["spark.driver.bindAddress"] == "127.0.0.1"
    told = session_conf(Settings(spark_memory="1g", spark_conf={"spark.sql.shuffle.partitions": "7"}))
    assert (told["spark.driver.memory"], told["spark.sql.shuffle.partitions"]) == ("1g", "7")
    cluster = session_conf(Settings(spark_master="spark://head:7077"))
    assert "spark.driver.bindAddress" not in cluster
    assert cluster["spark.jars"].count(".jar") == len(jars.expected())


def test_usage_reporting_is_off_whatever_the_user_says() -> None:
    code = "import infra, os; print(os.environ['GX_ANALYTICS_ENABLED'], os.environ['MLFLOW_DISABLE_TELEMETRY'])"
    environment = os.environ | {"GX_ANALYTICS_ENABLED": "true", "MLFLOW_DISABLE_TELEMETRY": "false"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["false", "true"]
