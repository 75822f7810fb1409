"""The command line, run in the test's own process."""

import sys
from pathlib import Path

import pytest

from oncolake.cli import main
from tests.oncolake.running import Run

KEY = "5a" * 32


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs `oncolake ...` in this process: exit code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ONCOLAKE_PSEUDONYM_KEY", KEY)

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["oncolake", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capfd.readouterr()
        assert "Traceback" not in said.err + said.out
        return int(left.value.code or 0), said.out, said.err

    return call
