"""What may be declared about the schedule: the table `[schedule]` of the settings file, or ONCOLAKE_SCHEDULE__*."""

import os
from datetime import timedelta
from pathlib import Path

from pydantic import Field, PositiveFloat, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from infra.declared import Declared, explained
from infra.errors import UsageError
from ingestion.registry import SOURCES


class DeclaredFolder(Declared):
    """A landing folder that does not lie at LANDING/<site>/<source>."""

    site: str
    source: str
    path: Path

    @field_validator("site")
    @classmethod
    def _is_site(cls, name: str) -> str:
        if not is_site_name(name):
            raise ValueError("the name of a site is printable text without a slash and without three dots in a row")
        return name

    @field_validator("source")
    @classmethod
    def _is_source(cls, name: str) -> str:
        return _known_source(name)


class Schedule(Declared):
    """How the landing folders are watched and what counts as late.

    landing: the folder of LANDING/<site>/<source>/; None: only `folders` are watched.
    settle_seconds: a file that changed less than this ago may still be being written, and waits.
    poll_seconds: how often the folders are looked at.
    runs_at_once: each run that finds something new starts a Spark session of its own.
    nightly: cron line (UTC) on which gold is brought up to date and deliveries whose run failed are tried again.
    max_retries, retry_seconds: attempts after a fault of the machine, and the first wait; each next one is doubled.
    gold_wait_minutes: how long running ingestions may hold back the building of gold.
    gold_fresh_hours: age of the last build of a gold table beyond which it is overdue.
    freshness_days: by source, days without a delivery after which its tables are overdue; a source that is not
        named is never overdue, since how often a hospital delivers cannot be guessed.
    """

    landing: Path | None = None
    folders: tuple[DeclaredFolder, ...] = ()
    settle_seconds: float = Field(default=60.0, ge=0)
    poll_seconds: int = Field(default=30, ge=1)
    runs_at_once: int = Field(default=1, ge=1)
    nightly: str = "30 2 * * *"
    max_retries: int = Field(default=3, ge=0)
    retry_seconds: float = Field(default=60.0, ge=0)
    gold_wait_minutes: float = Field(default=60.0, ge=0)
    gold_fresh_hours: PositiveFloat = 26.0
    freshness_days: dict[str, PositiveFloat] = Field(default_factory=dict)

    @field_validator("nightly")
    @classmethod
    def _is_cron(cls, line: str) -> str:
        if len(line.split()) != 5:
            raise ValueError("nightly is no cron line of five fields such as '30 2 * * *'")
        return line

    @field_validator("freshness_days")
    @classmethod
    def _are_sources(cls, days: dict[str, float]) -> dict[str, float]:
        return {_known_source(name): value for name, value in days.items()}

    @property
    def settle(self) -> timedelta:
        return timedelta(seconds=self.settle_seconds)

    def retry_wait(self, attempt: int) -> float:
        """Seconds to wait before the next attempt; attempt counts from 0. At most an hour."""
        return float(min(self.retry_seconds * 2**attempt, 3600.0))


class _FromOutside(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="ONCOLAKE_", env_nested_delimiter="__", frozen=True, extra="ignore", env_ignore_empty=True
    )

    schedule: Schedule = Schedule()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        path = Path(os.environ.get("ONCOLAKE_CONFIG", "oncolake.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=path)


def load_schedule() -> Schedule:
    """The declared schedule. Raises UsageError where it cannot be right."""
    from pydantic import ValidationError

    try:
        return _FromOutside().schedule
    except ValidationError as error:
        raise UsageError(explained(error)) from error
    except ValueError as error:
        raise UsageError(f"The settings file cannot be read: {error}.") from error


def is_site_name(name: str) -> bool:
    """Whether a folder's name can be a site, and so a part of a partition's key."""
    return bool(name.strip()) and name.isprintable() and "/" not in name and "..." not in name


def _known_source(name: str) -> str:
    if name not in SOURCES:
        raise ValueError(f"there is no source {name}; expected one of {', '.join(SOURCES)}")
    return name
