"""Progress as a bar on a terminal, with rows, files and rate."""

import io

import pytest
from rich.console import Console

from oncolake import show


def test_a_terminal_shows_rows_files_and_rate(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(show, "err", Console(file=screen, force_terminal=True, width=160))
    monkeypatch.setattr(show.Steps, "seconds", 2.0)
    shown = show.Steps("ingest vitals")
    with shown._progress:
        shown("reading and judging", 3, 5, rows=1200, files=3)
        shown._progress.refresh()
    text = screen.getvalue()
    assert "ingest vitals: reading and judging" in text
    assert "3/5" in text
    assert "1,200 rows, 3 files, 600 rows/s" in text
    assert capfd.readouterr().err == ""  # no log lines beside the bar
