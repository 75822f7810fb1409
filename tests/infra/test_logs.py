"""Log lines are JSON, and what libraries say is replaced by its place."""

import json
import logging
import warnings
from collections.abc import Iterator

import pytest

from infra import logs


@pytest.fixture
def untouched() -> Iterator[None]:
    """Handlers and hooks of the process are put back; the readers, which hush pydicom, may have run before."""
    handlers, shown = logging.getLogger().handlers[:], warnings.showwarning
    level = logging.getLogger("pydicom").level
    logging.getLogger("pydicom").setLevel(logging.NOTSET)
    yield
    logging.getLogger("pydicom").setLevel(level)
    logging.getLogger().handlers, warnings.showwarning = handlers, shown


def test_a_line_is_one_object(capfd: pytest.CaptureFixture[str]) -> None:
    logs.emit("info", "step", table="vital_sign", rows=3, nothing=None)
    (line,) = capfd.readouterr().err.splitlines()
    said = json.loads(line)
    assert said.pop("time").endswith("+00:00")
    assert said == {"level": "info", "event": "step", "table": "vital_sign", "rows": 3}


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("is_shown", [True, False])
def test_the_words_of_libraries_are_not_passed_on(is_shown: bool, capfd: pytest.CaptureFixture[str]) -> None:
    logs.guard(is_shown=is_shown)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning(UserWarning("Durand"), UserWarning, "/x/reader.py", 7)
    logging.getLogger("pydicom").error("Invalid value %s", "Durand")
    said = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert "Durand" not in str(said)
    assert [line["event"] for line in said] == (["library_warning", "library_message"] if is_shown else [])


def test_an_error_is_told_by_its_places() -> None:
    try:
        logs.line("info", "x", **{"level": 1})
    except TypeError as error:
        assert logs.places(error)[-1].startswith("tests/infra/test_logs.py:")
