"""What may be declared of the schedule, and the sentence for what cannot be right."""

from pathlib import Path

import pytest

from infra.errors import UsageError
from oncolake.schedule.settings import Schedule, load_schedule

SHOWN = """
lake = "/data/lake"
[sites.toulouse]
day_first = true
[schedule]
landing = "/data/landing"
nightly = "15 3 * * *"
[schedule.freshness_days]
vitals = 2
[[schedule.folders]]
site = "lyon"
source = "imaging"
path = "/mnt/pacs"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ONCOLAKE_CONFIG", str(tmp_path / "oncolake.toml"))
    return tmp_path / "oncolake.toml"


def test_nothing_has_to_be_declared(config: Path) -> None:
    assert not config.exists()
    assert load_schedule() == Schedule()


def test_the_environment_comes_before_the_file(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config.write_text(SHOWN)
    monkeypatch.setenv("ONCOLAKE_SCHEDULE__LANDING", "/other")
    found = load_schedule()
    assert (found.landing, found.nightly, found.freshness_days) == (Path("/other"), "15 3 * * *", {"vitals": 2.0})
    assert [(f.site, f.source, f.path) for f in found.folders] == [("lyon", "imaging", Path("/mnt/pacs"))]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("[schedule]\nsettle_seconds = -1", "schedule.settle_seconds is not right"),
        ("[schedule]\nnightly = 'at night'", "nightly is no cron line of five fields"),
        ("[schedule]\nlandin = '/data'", "schedule.landin is not known; did you mean landing?"),
        ("[schedule.freshness_days]\nblood = 1", "there is no source blood; expected one of imaging"),
        ("[[schedule.folders]]\nsite='a/b'\nsource='vitals'\npath='/x'", "the name of a site is printable text"),
        ("[[schedule.folders]]\nsite='a'\nsource='blood'\npath='/x'", "there is no source blood"),
        ("[schedule", "The settings file cannot be read"),
    ],
)
def test_what_cannot_be_right_is_one_sentence(config: Path, said: str, expected: str) -> None:
    config.write_text(said)
    with pytest.raises(UsageError) as refused:
        load_schedule()
    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)


def test_waits_grow_to_an_hour() -> None:
    schedule = Schedule(retry_seconds=60)
    assert [schedule.retry_wait(n) for n in (0, 1, 2, 5, 6, 50)] == [60, 120, 240, 1920, 3600, 3600]
