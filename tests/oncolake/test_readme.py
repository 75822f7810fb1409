"""The pages for people: commands exist, links lead somewhere, examples run, and cited tests are there."""

import ast
import json
import re
import shlex
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from features.tables import VIEWS
from infra import delta
from infra.lake import Lake
from infra.settings import Settings
from ingestion.discovery import Delivery, discover
from ingestion.format import RawFile
from ingestion.registry import SOURCES
from ingestion.report import BatchReport, FileReport, TableReport
from ingestion.site_tables import check_tables
from tests.features.gold_lake import write_gold
from tests.training import synthetic

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "DEVELOPERS.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")


def blocks(page: Path, language: str) -> list[str]:
    return [code for kind, code in FENCE.findall(page.read_text()) if kind == language]


def pages_with(language: str | None = None) -> pytest.MarkDecorator:
    """Runs a test for each page, or for each that has blocks of a language."""
    pages = [page for page in PAGES if language is None or blocks(page, language)]
    return pytest.mark.parametrize("page", pages, ids=lambda page: str(page.relative_to(ROOT)))


each_page = pages_with()


def commands(page: Path) -> Iterator[list[str]]:
    """Every `make` and `oncolake` command that a page shows, in a shell block or within a sentence."""
    inline = CODE.findall(FENCE.sub("", page.read_text()))
    for line in [line for block in blocks(page, "sh") for line in block.splitlines()] + inline:
        if line.startswith(("make ", "oncolake ")):
            yield shlex.split(line)


@each_page
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {words[1] for words in commands(page) if words[0] == "make"} <= targets


@each_page
def test_commands_and_their_options_exist(page: Path) -> None:
    from typer.testing import CliRunner

    from oncolake.cli import app

    for words in commands(page):
        if words[0] == "oncolake":
            # With --help nothing runs, but subcommands are looked up and options are parsed.
            answer = CliRunner().invoke(app, [*words[1:], "--help"])
            assert answer.exit_code == 0, f"{shlex.join(words)}: {answer.output}"


def test_the_two_commands_come_first() -> None:
    assert blocks(README, "sh")[0].split("\n") == ["make demo", "make test", ""]


@each_page
def test_links_lead_to_files(page: Path) -> None:
    prose = FENCE.sub("", page.read_text())
    inside = [link.split("#")[0] for link in LINK.findall(prose) if "://" not in link and not link.startswith("#")]
    assert [link for link in inside if not (page.parent / link).exists()] == []


@each_page
def test_files_that_are_named_exist(page: Path) -> None:
    rooms = "infra|quality|ingestion|features|training|oncolake|tests|docs"
    named = [
        code
        for code in CODE.findall(FENCE.sub("", page.read_text()))
        if re.fullmatch(rf"({rooms})/[\w./-]+\.(py|md|sha256)", code)
    ]
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_each_promise_cites_tests_that_exist() -> None:
    section = README.read_text().split("## Promises")[1].split("\n## ")[0]
    cited = re.findall(r"\[(\w+)\]\((tests/[\w/]+\.py)\)", section)
    assert cited
    for test, path in cited:
        defined = {
            node.name for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.FunctionDef)
        }
        assert test in defined or test == Path(path).stem, f"{path} has no {test}"


@pages_with("toml")
def test_settings_that_are_shown_are_settings(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for block in blocks(page, "toml"):
        (tmp_path / "oncolake.toml").write_text(block)
        monkeypatch.setenv("ONCOLAKE_CONFIG", str(tmp_path / "oncolake.toml"))
        settings = Settings()
        assert settings.model_extra in (None, {})
        keys = set(re.findall(r"^(\w+) = ", block.split("[")[0], re.MULTILINE))
        assert keys <= set(Settings.model_fields)
        assert settings.sites
        for site in settings.sites:
            assert settings.site(site).site_id == site
            check_tables(settings.site(site))


def test_the_hospital_table_that_is_shown_is_read_as_it_is_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = ROOT / "docs" / "for-data-engineers.md"
    shown = page.read_text().split("### A hospital's own tables")[1]
    (_, csv), (_, toml) = FENCE.findall(shown)[:2]
    (tmp_path / "oncolake.toml").write_text(toml)
    (tmp_path / "export.csv").write_text(csv)
    monkeypatch.setenv("ONCOLAKE_CONFIG", str(tmp_path / "oncolake.toml"))
    site = Settings().site("toulouse")
    (found,) = discover(SOURCES["clinical"], [Delivery(tmp_path / "export.csv", "toulouse", site)])
    assert found.format is not None
    records = [r for b in found.format.read(RawFile.at(found.path), site) for r in b.to_pylist()]
    assert not [r for r in records if r["problem"]]
    assert [(r["table"], r["patient_id"], r["sex"], r["is_event"], r["value"]) for r in records] == [
        ("patient", "4711", "female", None, None),
        ("patient", "4712", "male", None, None),
        ("outcome", "4711", None, True, None),
        ("outcome", "4712", None, False, None),
        ("biomarker", "4711", None, None, "7,5"),
    ]


@pages_with("json")
def test_the_answer_that_is_shown_has_the_fields_of_a_report(page: Path) -> None:
    (shown,) = (json.loads(block) for block in blocks(page, "json"))
    real = BatchReport("b", (FileReport("p", None, "cytokine", None, "ingested"),), {"t": TableReport(1, 0)}).as_json()
    assert list(shown) == list(real)
    assert list(shown["files"][0]) == list(cast(Any, real)["files"][0])
    (table,) = shown["tables"].values()
    assert list(table) == list(cast(Any, real)["tables"]["t"])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder whose ./lake has patients, outcomes, and feature tables that say something."""
    from features.store.repository import apply

    folder = tmp_path_factory.mktemp("home")
    lake = Lake.at(folder / "lake")
    synthetic.cohort(lake, 60)
    patients = [f"patient{i:03d}" for i in range(60)]
    synthetic.write(lake, "patient", [{"patient_id": p} for p in patients])
    times: dict[str, Any] = {"event_time": synthetic.START, "known_time": synthetic.START + timedelta(days=7)}
    for number, patient in enumerate(patients):
        row = {"patient_id": patient, "file_ids": [synthetic.FILE], **times}
        drive = synthetic.signal(patient)
        write_gold(lake, "clinical_profile", row | {"karnofsky": 60.0 + number % 4 * 10, "age_years": 40.0 + number})
        write_gold(lake, "cytokine_kinetics", row | {"il6_log2_change": drive})
    for view in [v.name for v in VIEWS.values() if v.entity == "patient" and not delta.exists(lake.gold(v.name))]:
        write_gold(lake, view, {"patient_id": patients[0], "file_ids": [synthetic.FILE], **times})
    apply(lake)
    return folder


@pytest.mark.slow
@pages_with("python")
def test_examples_run(page: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python blocks of a page, in their order and in one namespace, as a reader would run them."""
    monkeypatch.chdir(home)
    names: dict[str, Any] = {"__name__": "example"}
    for number, block in enumerate(blocks(page, "python")):
        exec(compile(block, f"{page.name}, example {number}", "exec"), names)  # noqa: S102
    if page == README:
        frame, labels = names["training_set"].frame, names["labels"]
        assert frame["patient_id"].tolist() == labels["patient_id"].tolist()
        assert frame["cytokine_kinetics__il6_log2_change"].notna().all()
        assert len([line for line in blocks(page, "python")[0].splitlines() if line]) == 10
    if page.name == "for-data-scientists.md":
        assert names["runs"]["model"].tolist()[0] == "kaplan_meier"
        assert not names["found"].unknown_files
