"""The examples for Airflow, cron and systemd call commands that exist, with options that they have."""

import ast
import re
import shlex
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import typer

from oncolake.cli import app
from oncolake.schedule.settings import Schedule

DEPLOY = Path(__file__).resolve().parents[3] / "infra" / "deploy"
DAG = DEPLOY / "airflow" / "oncolake_dag.py"
CRONTAB = DEPLOY / "cron" / "oncolake.crontab"
SERVICE = DEPLOY / "systemd" / "oncolake-schedule.service"


def dag_commands() -> dict[str, list[str]]:
    """The lists of words that the DAG runs, by the name that it gives them; Airflow is not needed to read them."""
    found = {}
    for node in ast.parse(DAG.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            (target,) = node.targets
            assert isinstance(target, ast.Name)
            found[target.id] = ast.literal_eval(node.value)
    return found


def cron_commands() -> list[list[str]]:
    lines = [line for line in CRONTAB.read_text().splitlines() if re.match(r"[\d*]", line)]
    parts = [part for line in lines for part in line.split(None, 5)[5].split(" && ")]
    return [shlex.split(re.split(r"\s2?>>", part)[0]) for part in parts]


def service_command() -> list[str]:
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(SERVICE.read_text())
    words = shlex.split(unit["Service"]["ExecStart"])
    assert unit["Service"]["KillMode"] == "mixed"
    return ["oncolake", *words[1:]]


def parsed(words: list[str]) -> str:
    """What typer makes of a command line without running it; fails on commands and options that do not exist."""
    command: Any = typer.main.get_command(app)
    name, *rest = words
    assert name == "oncolake"
    while hasattr(command, "commands"):
        command, name, rest = command.commands[rest[0]], f"{name} {rest[0]}", rest[1:]
    command.make_context(name, list(rest))
    return name


@pytest.mark.parametrize("name", ["INGEST", "BUILD", "APPLY", "MATERIALIZE", "MAINTAIN"])
def test_the_dag_calls_the_command_line(name: str) -> None:
    words = [word.format(landing="/data/landing", site="toulouse", source="cytokine") for word in dag_commands()[name]]
    assert parsed(words).startswith("oncolake ")


def test_the_dag_is_python_and_knows_every_source() -> None:
    from ingestion.registry import SOURCES

    tree = ast.parse(DAG.read_text())
    compile(tree, str(DAG), "exec")
    named = {
        t.id: n.value for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)
    }
    assert set(ast.literal_eval(named["SOURCES"])) == set(SOURCES)
    imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    assert imported == {"datetime", "airflow.sdk", "airflow.providers.standard.operators.bash"}


def test_cron_and_systemd_call_the_command_line() -> None:
    called = [parsed(words) for words in [*cron_commands(), service_command()]]
    assert called == [
        "oncolake ingest", "oncolake ingest", "oncolake features build", "oncolake features apply",
        "oncolake features materialize", "oncolake maintain", "oncolake schedule",
    ]  # fmt: skip


def test_a_wrong_option_would_be_seen() -> None:
    with pytest.raises(Exception, match="No such option"):
        parsed(["oncolake", "ingest", "cytokine", "x", "--sites", "toulouse"])


def test_the_page_shows_the_defaults(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from oncolake.schedule.settings import load_schedule

    page = (DEPLOY.parents[1] / "docs" / "schedule.md").read_text()
    (tmp_path / "oncolake.toml").write_text(page.split("```toml\n")[1].split("```")[0])
    monkeypatch.setenv("ONCOLAKE_CONFIG", str(tmp_path / "oncolake.toml"))
    shown = load_schedule()
    assert shown.landing == Path("/data/landing")
    kept = {"landing": None, "folders": (), "freshness_days": {}}
    assert shown.model_copy(update=kept) == Schedule()
