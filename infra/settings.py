"""Frozen settings: environment variables `ONCOLAKE_*` first, then a file, then defaults that need no set-up.

The file is TOML: the path in ONCOLAKE_CONFIG, else `oncolake.toml` in the working folder. It also declares the
sites (hospitals, laboratories), because how a date is to be read is a fact about who wrote it.
"""

import os
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from infra.declared import refuse_unknown
from infra.pseudonyms import Pseudonymiser, load_key
from infra.sites import REPORTING_DELAY_DAYS, Site

SECTIONS = ("schedule",)
"""Tables of the settings file that are read elsewhere."""


class Settings(BaseSettings):
    """What a run may be told from outside. Every field has a default; nothing has to be configured."""

    model_config = SettingsConfigDict(env_prefix="ONCOLAKE_", frozen=True, extra="ignore")

    lake: str = "./lake"
    key_file: Path = Path("~/.config/oncolake/pseudonym.key")
    pseudonym_key: str | None = Field(default=None, repr=False)
    spark_master: str = "local[*]"
    spark_memory: str = "2500m"
    spark_compiler: Literal["c1", "c2"] = "c1"
    spark_conf: dict[str, str] = Field(default_factory=dict)
    online_store: str = Field(default="sqlite", repr=False)
    """sqlite (a file in the lake), redis://HOST:PORT/NUMBER or postgresql://USER:PASSWORD@HOST:PORT/DATABASE."""
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

    @model_validator(mode="before")
    @classmethod
    def _knows_its_keys(cls, data: Any) -> Any:
        return refuse_unknown(data, [*cls.model_fields, *SECTIONS])

    def site(self, site_id: str) -> Site:
        """The declared site, or one with nothing declared but its name."""
        return self.sites.get(site_id, Site()).model_copy(update={"site_id": site_id})

    @cached_property
    def pseudonymiser(self) -> Pseudonymiser:
        return Pseudonymiser(load_key(self.pseudonym_key, self.key_file.expanduser()))


__all__ = ["REPORTING_DELAY_DAYS", "Settings", "Site"]
