"""The command line as a user meets it: exit codes, one sentence for each mistake, JSON for scripts. No JVM."""

import json
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer

from ingestion.registry import SOURCES
from ingestion.report import BatchReport, FileReport, TableReport
from oncolake import show
from oncolake.cli import INTERRUPTED, app, main
from oncolake.commands.ingestion import print_report

KEY = "5a" * 32
COMMANDS = (
    "demo", "ingest", "status", "quarantine", "quarantine list", "quarantine show", "quarantine replay", "features",
    "features build", "features apply", "features materialize", "features get", "features list", "features describe",
    "features check", "features drift", "features audit", "train", "runs", "runs compare", "impact", "replay",
    "trace", "pseudonym", "ui", "maintain", "schedule", "models", "models register", "models promote", "models list",
    "models card",
)  # fmt: skip


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    """Runs `oncolake ...` in this process: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONCOLAKE_PSEUDONYM_KEY", KEY)
    monkeypatch.setattr(show.out, "width", 200)

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["oncolake", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capfd.readouterr()
        assert "Traceback" not in said.err + said.out
        return int(left.value.code or 0), said.out, said.err

    return call


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, run: Any) -> None:
    code, out, _ = run(*command.split(), "--help")
    assert code == 0
    assert "Usage:" in out
    name = command.rsplit(maxsplit=1)[-1]
    assert name in out


def test_every_command_is_shown_here() -> None:
    group = typer.main.get_command(app)
    names = set()
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        names |= {name} | {f"{name} {sub}" for sub in getattr(command, "commands", {})}
    assert names == set(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ingest"], "Missing argument"),
        (["nonsense"], "No such command"),
        (["status", "--lakes", "x"], "No such option"),
        (["ingest", "blood", "x.csv"], "There is no source blood; expected one of imaging"),
        (["quarantine", "show", "nothing"], "There is no table nothing; expected one of patient"),
        (["pseudonym", "paris", "  "], "The identifier is blank"),
    ],
)
def test_wrong_usage_leaves_with_2_and_a_sentence(arguments: list[str], said: str, run: Any) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert said in err


def test_a_wrong_setting_is_wrong_usage(run: Any, tmp_path: Path) -> None:
    (tmp_path / "oncolake.toml").write_text('[sites.paris]\ntime_zone = "Mars/Olympus"\n')
    code, _, err = run("status")
    assert code == 2
    assert err.startswith("oncolake: The setting sites.paris.time_zone is not right:")
    assert err.count("\n") == 1


def test_an_empty_lake_is_no_error_and_nothing_is_made(run: Any, tmp_path: Path) -> None:
    code, out, _ = run("status", "--lake", tmp_path / "lake", "--json")
    assert (code, json.loads(out)) == (
        0,
        {"root": str(tmp_path / "lake"), "tables": [], "batches": [], "orphans": {}, "checks": [], "deliveries": []},
    )
    code, out, _ = run("status", "--lake", tmp_path / "lake")
    assert code == 0 and "Lake" in out
    assert json.loads(run("quarantine", "list", "--lake", tmp_path / "lake", "--json")[1]) == []
    assert json.loads(run("quarantine", "show", "vital_sign", "--lake", tmp_path / "lake", "--json")[1]) == []
    assert run("quarantine", "list", "--lake", tmp_path / "lake")[0] == 0
    assert not (tmp_path / "lake").exists()


def test_the_pseudonym_is_the_one_of_the_lake(run: Any) -> None:
    from infra.pseudonyms import Pseudonymiser

    keyed = Pseudonymiser(bytes.fromhex(KEY))
    assert run("pseudonym", "paris", "Durand")[1].split() == [keyed.identifier("paris", "Durand")]
    assert json.loads(run("pseudonym", "paris", "1.2.840.1", "--json")[1]) == {
        "pseudonym": keyed.identifier("paris", "1.2.840.1"),
        "uid": keyed.uid("1.2.840.1"),
    }


def bad_files(folder: Path) -> Path:
    folder.mkdir()
    (folder / "empty.csv").touch()
    (folder / "binary.csv").write_bytes(b"\x00\x01" * 99)
    (folder / "[bold]text.csv").write_text("hello\n")
    return folder


@pytest.mark.parametrize("source", SOURCES)
def test_files_that_nobody_can_read_leave_with_1_and_a_sentence_each(source: str, run: Any, tmp_path: Path) -> None:
    landing = bad_files(tmp_path / "landing")
    code, out, _ = run("ingest", source, landing, tmp_path / "absent", "--lake", tmp_path / "lake", "--json")
    answer = json.loads(out)
    assert code == 1
    assert {"batch_id", "files", "tables"} == set(answer)
    assert answer["tables"] == {}
    promised = {"path", "file_id", "source", "format", "status", "reason", "rows_in", "accepted", "quarantined",
                "duplicates"}  # fmt: skip
    assert all(promised <= set(f) for f in answer["files"])
    assert {Path(f["path"]).name for f in answer["files"]} == {"empty.csv", "binary.csv", "[bold]text.csv", "absent"}
    assert {(f["source"], f["status"], f["rows_in"]) for f in answer["files"]} == {(source, "rejected", 0)}
    assert all(f["reason"].endswith(".") and "\n" not in f["reason"] for f in answer["files"])

    code, out, _ = run("ingest", source, landing, "--lake", tmp_path / "lake")
    assert code == 1
    assert "[bold]text.csv: No" in out
    assert out.count("rejected") == 3
    (batch,) = json.loads(run("status", "--lake", tmp_path / "lake", "--json")[1])["batches"]
    assert (batch["files"], batch["rejected"]) == (4, 4)


def test_the_answer_holds_what_is_promised() -> None:
    assert [f.name for f in fields(BatchReport)] == ["batch_id", "files", "tables"]
    assert {"version", "rows_added"} <= {f.name for f in fields(TableReport)}


def test_what_needs_a_person_is_shown_first_and_as_it_is(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(show.out, "width", 200)
    files = (
        FileReport("/l/[red]good.csv", "f1", "vitals", "wide", "ingested", None, 12345, 12345),
        FileReport("/l/bad.csv", None, "vitals", None, "rejected", "The file is empty; expected [one] record."),
    )
    print_report(BatchReport("b1", files, {"vital_sign": TableReport(3, 12345)}))
    out = capfd.readouterr().out
    assert out.index("bad.csv") < out.index("[red]good.csv")
    assert "12,345" in out and "expected [one] record." in out


def test_a_lake_that_cannot_be_written_is_one_sentence(run: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    landing = bad_files(tmp_path / "landing")
    for place in ("file", "file/lake"):
        code, out, err = run("ingest", "vitals", landing, "--lake", tmp_path / place)
        assert (code, out) == (1, "")
        assert err.splitlines()[-1] == f"oncolake: The lake {tmp_path / place} cannot be written (Not a directory)."


@pytest.mark.parametrize("command", ["train overall_survival", "runs compare overall_survival", "trace 0123"])
def test_commands_on_a_lake_without_data_say_so(command: str, run: Any, tmp_path: Path) -> None:
    code, _, err = run(*command.split(), "--lake", tmp_path / "lake")
    assert code in (1, 2)
    assert err.splitlines()[-1].startswith("oncolake: ")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.csv", None, "There is no file .*absent.csv"),
        ("none.csv", b"patient_id\nx\n", "has no column event_timestamp"),
        ("soon.csv", b"patient_id,event_timestamp\nx,soon\n", "event_timestamp of .*soon.csv holds what is no time"),
        ("empty.csv", b"", "cannot be read as labels"),
        ("text.parquet", b"patient_id,event_timestamp\n", "cannot be read as labels"),
        ("binary.csv", bytes(range(256)), "cannot be read as labels"),
    ],
)
def test_labels_that_are_none_are_refused(
    name: str, content: bytes | None, said: str, run: Any, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, _, err = run("features", "get", "overall_survival_v1", "--labels", name)
    assert code == 2
    assert re.search(said, err)


def test_an_interruption_says_how_to_go_on(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import ingestion.status

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(ingestion.status, "lake_status", interrupted)
    code, _, err = run("status")
    assert code == INTERRUPTED
    assert err.endswith("oncolake: Interrupted; run the same command again to go on.\n")


def test_the_console_script_starts_fast_and_imports_nothing_slow(tmp_path: Path) -> None:
    code = (
        "import sys; import oncolake.cli\n"
        "slow = {'feast', 'great_expectations', 'mlflow', 'sksurv', 'pydicom', 'wfdb', 'pandas', 'sklearn'}\n"
        "print(sorted((slow | {'pyspark'}) & set(sys.modules)))\n"
        # What is imported before the JVM starts delays it.
        "import ingestion.pipeline; print(sorted(slow & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n[]\n"
    script = Path(sys.executable).with_name("oncolake")
    done = subprocess.run([script, "nonsense"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("argument", "code"), [("--help", 0), ("nonsense", 2)])
def test_the_process_ends_at_once_with_the_exit_code_and_all_that_was_said(
    argument: str, code: int, tmp_path: Path
) -> None:
    leave = (
        "import atexit, sys; from oncolake.cli import script\n"
        "atexit.register(print, 'finished')\n"
        f"sys.argv = ['oncolake', {argument!r}]\n"
        "script()\n"
    )
    done = subprocess.run([sys.executable, "-c", leave], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert done.stdout.endswith("finished\n")
    assert ("Usage: oncolake" in done.stdout) == (code == 0)
    assert (argument in done.stderr) == (code == 2)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_an_answer_that_could_not_be_written_is_no_success(tmp_path: Path) -> None:
    leave = "import sys; from oncolake.cli import script; sys.argv = ['oncolake', 'status', '--json']; script()"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", leave], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert done.returncode == 1
