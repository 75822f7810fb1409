"""Frozen settings: environment variables `ONCOLAKE_*` first, then a file, then defaults that need no set-up.

The file is TOML: the path in ONCOLAKE_CONFIG, else `oncolake.toml` in the working folder. It also declares the
sites (hospitals, laboratories), because how a date is to be read is a fact about who wrote it.
"""

import os
from functools import cached_property
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from infra.pseudonyms import Pseudonymiser, load_key

# Days from observation to report where neither the file nor the site says otherwise; round, cautious figures.
REPORTING_DELAY_DAYS = {
    "imaging": 1.0,
    "exosome": 7.0,
    "cytokine": 14.0,
    "mutations": 21.0,
    "vitals": 0.0,
    "clinical": 0.0,
}


class Site(BaseModel):
    """A hospital or laboratory: how to read what it writes.

    day_first: order of 03/04/2024; None: not declared, and an ambiguous date is refused.
    time_zone: IANA name for times without an offset.
    reporting_delay_days: by source, replacing the defaults of REPORTING_DELAY_DAYS.
    concentration_units: by platform of cytokine_result (msd, bioplex), for exports that state no unit.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    site_id: str = "local"
    day_first: bool | None = None
    time_zone: str = "UTC"
    reporting_delay_days: dict[str, float] = Field(default_factory=dict)
    concentration_units: dict[str, str] = Field(default_factory=dict)

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"time_zone {name!r} is not an IANA time zone such as Europe/Paris") from error
        return name

    def delay_days(self, source: str) -> float:
        """Declared days from observation to report for a source of this site."""
        return self.reporting_delay_days.get(source, REPORTING_DELAY_DAYS[source])


class Settings(BaseSettings):
    """What a run may be told from outside. Every field has a default; nothing has to be configured."""

    model_config = SettingsConfigDict(env_prefix="ONCOLAKE_", frozen=True, extra="ignore")

    lake: str = "./lake"
    key_file: Path = Path("~/.config/oncolake/pseudonym.key")
    pseudonym_key: str | None = Field(default=None, repr=False)
    spark_master: str = "local[*]"
    spark_memory: str = "2500m"
    spark_conf: dict[str, str] = Field(default_factory=dict)
    log_format: Literal["auto", "text", "json"] = "auto"
    openlineage_url: str | None = None
    openlineage_file: bool = False
    sites: dict[str, Site] = Field(default_factory=dict)

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

    def site(self, site_id: str) -> Site:
        """The declared site, or one with nothing declared but its name."""
        return self.sites.get(site_id, Site()).model_copy(update={"site_id": site_id})

    @cached_property
    def pseudonymiser(self) -> Pseudonymiser:
        return Pseudonymiser(load_key(self.pseudonym_key, self.key_file.expanduser()))
