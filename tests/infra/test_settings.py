"""Settings: environment over file over default, and nothing that would show the key."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from infra.errors import UsageError
from infra.settings import REPORTING_DELAY_DAYS, Settings, Site
from ingestion.registry import SOURCES
from oncolake.commands.options import load_settings

FILE = """
lake = "/from/file"
spark_memory = "3g"

[sites.paris]
day_first = true
time_zone = "Europe/Paris"
reporting_delay_days = {cytokine = 3.5}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(FILE)
    for name in ("LAKE", "SPARK_MEMORY", "SPARK_MASTER", "SITES", "PSEUDONYM_KEY", "KEY_FILE"):
        monkeypatch.delenv(f"ONCOLAKE_{name}", raising=False)
    monkeypatch.setenv("ONCOLAKE_CONFIG", str(path))
    return path


def test_environment_comes_before_file_and_file_before_default(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCOLAKE_LAKE", "/from/environment")
    settings = Settings()
    assert (settings.lake, settings.spark_memory, settings.spark_master) == ("/from/environment", "3g", "local[*]")
    assert Settings(lake="/given").lake == "/given"


def test_nothing_has_to_be_configured(tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONCOLAKE_CONFIG", str(tmp_path / "absent.toml"))
    assert Settings().lake == "./lake"
    assert Settings().site("new") == Site(site_id="new")


def test_a_site_is_read_as_it_declares(file: Path) -> None:
    paris = Settings().site("paris")
    assert (paris.site_id, paris.day_first, paris.time_zone) == ("paris", True, "Europe/Paris")
    assert (paris.delay_days("cytokine"), paris.delay_days("exosome")) == (3.5, REPORTING_DELAY_DAYS["exosome"])
    assert set(REPORTING_DELAY_DAYS) == set(SOURCES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[sites.x]\ntime_zone = "Mars/Olympus"', "sites.x.time_zone.*not an IANA time zone"),
        ('[sites.x]\ntime_zone = "../etc"', "sites.x.time_zone.*not an IANA time zone"),
        ("[sites.x]\nday_frist = true", "sites.x.day_frist"),
        ("lake = ", "settings file cannot be read"),
    ],
)
def test_a_setting_that_cannot_be_right_is_one_sentence(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(UsageError, match=said):
        load_settings()


def test_settings_are_frozen_and_hide_the_key(file: Path) -> None:
    settings = Settings(pseudonym_key="ab" * 32)
    assert settings.pseudonymiser is settings.pseudonymiser
    assert "abab" not in repr(settings) + str(settings)
    with pytest.raises(ValidationError):
        settings.lake = "/elsewhere"
