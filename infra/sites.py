"""What a hospital or laboratory declares about what it writes: dates, numbers, identifiers, delays, its own tables."""

from pathlib import Path
from typing import Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, NonNegativeFloat, field_validator, model_validator

from infra.declared import Declared, nearest
from infra.identifiers import group_names, normalised_one, whole

# Days from observation to report where neither the file nor the site says otherwise; round, cautious figures.
REPORTING_DELAY_DAYS = {
    "imaging": 1.0,
    "exosome": 7.0,
    "cytokine": 14.0,
    "mutations": 21.0,
    "vitals": 0.0,
    "clinical": 0.0,
}

_LONGEST_PATTERN: Final = 1_000

DecimalMark = Literal[",", "."]


class IdRule(Declared):
    """How identifiers of one kind become one spelling. Steps in this order; each is optional.

    remove: characters that are dropped.
    case: "upper" or "lower".
    pattern: RE2 expression that the whole identifier matches, with named groups only; what lies outside of a group is
        dropped and the groups are joined. An identifier that it does not match stays as it is.
    pad: by group, the width to which its digits are filled with zeros (zeros in front are dropped first).
    separator: stands between the groups.
    examples: identifiers and how they come out, tried when the settings are read; at least one with a pattern.
    """

    remove: str = ""
    case: Literal["upper", "lower"] | None = None
    pattern: str | None = Field(default=None, max_length=_LONGEST_PATTERN)
    pad: dict[str, int] = Field(default_factory=dict)
    separator: str = "-"
    examples: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _does_what_it_says(self) -> "IdRule":
        groups = [] if self.pattern is None else group_names(whole(self.pattern))
        for name, width in self.pad.items():
            if name not in groups:
                raise ValueError(f"pad names {name}, which is no group of the pattern")
            if not 1 <= width <= 20:
                raise ValueError(f"pad gives {name} {width} digits; expected 1 to 20")
        if self.pattern is not None and not self.examples:
            raise ValueError('a pattern needs examples, such as examples = { "GBM-1_W4" = "GBM-001-W4" }')
        for given, expected in self.examples.items():
            for text in (given, expected):
                came = normalised_one(text, self)
                if came != expected:
                    raise ValueError(f"the example {text!r} comes out as {came!r} and not as {expected!r}")
        return self


class RedcapProject(Declared):
    """A REDCap project whose exports the site delivers.

    dictionary: path of its data dictionary (CSV as REDCap downloads it), to be read wherever files are read.
    group: the site's data access group; rows of others are left out. Needed where an export holds several.
    """

    dictionary: Path
    group: str | None = None

    @field_validator("dictionary")
    @classmethod
    def _is_absolute(cls, path: Path) -> Path:
        # Readers run in other processes, whose working folder may be another.
        return path.expanduser().absolute()


class TableMap(Declared):
    """A table of the site's own, and how it becomes one that a reader knows. A file that has its columns is one.

    format: the format that it becomes, such as `patient_csv` or `vitals_long_csv`.
    columns: {column of that format: the site's name of the column}.
    fixed: {column of that format: what stands in it on every row}.
    words: {column of that format: {the site's word: the word instead}}; other words stay, "" is no value.
    units: {signal: UCUM code} of columns of `vitals_wide_csv` that are not in the lake's unit.
    needs: columns of that format without which a row holds no record of it (one of several results in a wide row).
    redcap: the declared REDCap project that the columns are fields of.
    day_first, decimal_mark: as of the site, where this table differs.
    """

    format: str
    columns: dict[str, str] = Field(min_length=1)
    fixed: dict[str, str] = Field(default_factory=dict)
    words: dict[str, dict[str, str]] = Field(default_factory=dict)
    units: dict[str, str] = Field(default_factory=dict)
    needs: tuple[str, ...] = ()
    redcap: str | None = None
    day_first: bool | None = None
    decimal_mark: DecimalMark | None = None

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "TableMap":
        for what, names in (("words", self.words), ("units", self.units), ("needs", self.needs)):
            for name in names:
                if name not in self.columns:
                    raise ValueError(f"{what} names {name}; {nearest(name, self.columns)}")
        for name in self.fixed:
            if name in self.columns:
                raise ValueError(f"{name} is both a column and fixed; expected one of the two")
        return self


class Site(Declared):
    """A hospital or laboratory: how to read what it writes.

    day_first: order of 03/04/2024; None: not declared, and an ambiguous date is refused.
    decimal_mark: what 1,234 or 1.234 means where the numbers of a column do not say; None: 1,234 is refused.
    time_zone: IANA name for times without an offset.
    reporting_delay_days: by source, replacing the defaults of REPORTING_DELAY_DAYS.
    concentration_units: by platform of cytokine_result (msd, bioplex), for exports that state no unit.
    patient_ids, sample_ids: the one spelling of its identifiers.
    tables: its own tables, by a name of the site's choice.
    redcap: its REDCap projects, likewise.
    """

    site_id: str = "local"
    day_first: bool | None = None
    decimal_mark: DecimalMark | None = None
    time_zone: str = "UTC"
    reporting_delay_days: dict[str, NonNegativeFloat] = Field(default_factory=dict)
    concentration_units: dict[str, str] = Field(default_factory=dict)
    patient_ids: IdRule | None = None
    sample_ids: IdRule | None = None
    tables: dict[str, TableMap] = Field(default_factory=dict)
    redcap: dict[str, RedcapProject] = Field(default_factory=dict)

    @field_validator("time_zone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"time_zone {name!r} is not an IANA time zone such as Europe/Paris") from error
        return name

    @model_validator(mode="after")
    def _projects_are_declared(self) -> "Site":
        for name, table in self.tables.items():
            if table.redcap is not None and table.redcap not in self.redcap:
                hint = nearest(table.redcap, self.redcap) if self.redcap else "none is declared"
                raise ValueError(f"table {name} names the REDCap project {table.redcap}; {hint}")
        return self

    def delay_days(self, source: str, default: float | None = None) -> float:
        """Declared days from observation to report for a source of this site.

        default: the figure of a source that REPORTING_DELAY_DAYS does not have; without it, the longest of those.
        """
        usual = max(REPORTING_DELAY_DAYS.values()) if default is None else default
        return self.reporting_delay_days.get(source, REPORTING_DELAY_DAYS.get(source, usual))
