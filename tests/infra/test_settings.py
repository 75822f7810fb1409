"""Settings: environment over file over default, and nothing that would show the key."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from infra.errors import UsageError
from infra.settings import REPORTING_DELAY_DAYS, Settings, Site
from ingestion.registry import SOURCES
from oncolake.commands.options import load_settings
from oncolake.schedule.settings import load_schedule

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
    assert set(REPORTING_DELAY_DAYS) <= set(SOURCES)
    # A source that has no figure there brings its own, or waits longest.
    assert (paris.delay_days("new", 2.0), paris.delay_days("new")) == (2.0, max(REPORTING_DELAY_DAYS.values()))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[sites.x]\ntime_zone = "Mars/Olympus"', "sites.x.time_zone.*not an IANA time zone"),
        ('[sites.x]\ntime_zone = "../etc"', "sites.x.time_zone.*not an IANA time zone"),
        ("[sites.x]\nday_frist = true", r"sites\.x\.day_frist is not known; did you mean day_first\?$"),
        ('lak = "/data"', r"The setting lak is not known; did you mean lake\?$"),
        ("zzz = 1", r"The setting zzz is not known; expected one of lake, key_file, .*schedule\.$"),
        ('[sites.x.sample_ids]\ncse = "upper"', r"sites\.x\.sample_ids\.cse is not known; did you mean case\?$"),
        ("[sites.x.reporting_delay_days]\nvitals = -1", r"sites\.x\.reporting_delay_days\.vitals is not right: .*0\.$"),
        ('[sites.x]\ndecimal_mark = "comma"', r"sites\.x\.decimal_mark is not right: .*','.*\.$"),
        (
            '[sites.x.tables.t]\nformat = "patient_csv"\ncolumns = {patient_id = "NIP"}\nwords = {sexe = {}}',
            r"sites\.x\.tables\.t is not right: words names sexe; expected one of patient_id\.$",
        ),
        ('[sites.x.tables.t]\nformat = "patient_csv"\ncolumns = {sex = "S"}\nfixed = {sex = "f"}', "both a column and"),
        (
            '[sites.x.tables.t]\nformat = "patient_csv"\ncolumns = {sex = "S"}\nredcap = "gbm"',
            "the REDCap project gbm; none is declared",
        ),
        ("lake = ", "settings file cannot be read"),
    ],
)
def test_a_setting_that_cannot_be_right_is_one_sentence(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(UsageError, match=said):
        load_settings()


def test_what_is_read_elsewhere_is_no_unknown_setting(file: Path) -> None:
    file.write_text('lake = "/x"\n[schedule]\npoll_seconds = 5\n')
    assert load_settings().lake == "/x"
    assert load_schedule().poll_seconds == 5
    file.write_text("[schedule]\npol_seconds = 5\n")
    with pytest.raises(UsageError, match=r"schedule\.pol_seconds is not known; did you mean poll_seconds\?$"):
        load_schedule()


def test_settings_are_frozen_and_hide_the_key(file: Path) -> None:
    settings = Settings(pseudonym_key="ab" * 32)
    assert settings.pseudonymiser is settings.pseudonymiser
    assert "abab" not in repr(settings) + str(settings)
    with pytest.raises(ValidationError):
        settings.lake = "/elsewhere"
