"""REDCap's data dictionary: what each field of an export is.

A CSV as the project's page "Data Dictionary" downloads it, or as the API's `metadata` gives it; the two name the same
columns differently. Choices stand in one cell: `1, Male | 2, Female`. A check box is exported as one column for each
choice, `field___1`, its code in lower case with `_` for anything else (`-1` gives `field____1`).
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import FileError
from ingestion.columnar import find_name
from ingestion.text import Delimited, decode, read_delimited

_COLUMNS = {
    "name": ("Variable / Field Name", "field_name"),
    "form": ("Form Name", "form_name"),
    "type": ("Field Type", "field_type"),
    "choices": ("Choices, Calculations, OR Slider Labels", "select_choices_or_calculations"),
    "validation": ("Text Validation Type OR Show Slider Number", "text_validation_type_or_show_slider_number"),
    "identifier": ("Identifier?", "identifier"),
}
_NEEDED = ("name", "type", "choices", "validation")
STRUCTURE: Final = (
    "redcap_event_name",
    "redcap_repeat_instrument",
    "redcap_repeat_instance",
    "redcap_data_access_group",
)
"""Columns that REDCap adds to an export; no dictionary has them."""

_FIXED_CHOICES = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}
FREE_TEXT: Final = ("notes", "file", "descriptive", "signature")
_DATE = r"^\s*(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(.*)$"
_ISO_OF = {"dmy": r"\3-\2-\1\4", "mdy": r"\3-\1-\2\4"}


@dataclass(frozen=True)
class Field:
    """A field of a project. choices: label by code. validation: such as date_dmy or number_1dp_comma_decimal."""

    name: str
    type: str
    form: str = ""
    choices: dict[str, str] = field(default_factory=dict)
    validation: str = ""
    is_identifier: bool = False

    @property
    def is_checkbox(self) -> bool:
        return self.type == "checkbox"

    @property
    def is_number(self) -> bool:
        """Whether REDCap holds a number in it: then a comma is its decimal mark, for REDCap groups no thousands."""
        return self.type in ("calc", "slider") or self.validation.startswith(("number", "integer"))

    def column_of(self, code: str) -> str:
        """The export's column of one choice of a check box."""
        return f"{self.name}___{re.sub('[^a-z0-9_]', '_', code.lower())}"

    def plain(self, values: pa.Array) -> pa.Array:
        """Text of the field as it can be read one way: dates of its order as ISO dates, numbers with a point."""
        order = self.validation.rsplit("_", 1)[-1] if self.validation.startswith("date") else ""
        if order in _ISO_OF:
            return pc.replace_substring_regex(values, _DATE, _ISO_OF[order])
        return pc.replace_substring(values, ",", ".") if self.is_number else values


@dataclass(frozen=True)
class Dictionary:
    """The fields of a project by name, in its order. The first is the record's identifier."""

    fields: dict[str, Field]

    @property
    def record_id(self) -> str:
        return next(iter(self.fields))

    def find(self, column: str) -> Field | None:
        """The field of an export's column: its own, or the check box that it is a choice of."""
        name = column.lower()
        return self.fields.get(name) or self.fields.get(name.split("___", 1)[0])


def read_dictionary(path: Path) -> Dictionary:
    """Raises FileError where the file cannot be read, or is no data dictionary."""
    try:
        return _read(path, path.stat().st_mtime_ns)
    except OSError as error:
        raise FileError(f"The declared REDCap data dictionary cannot be read ({error.strerror}).") from error


@lru_cache(maxsize=16)
def _read(path: Path, modified_ns: int) -> Dictionary:
    """Kept while the file is not changed: every file of a folder is held against it."""
    table = read_delimited(decode(path.read_bytes()))
    header = list(table.columns)
    names = {ours: find_name(header, *theirs) for ours, theirs in _COLUMNS.items()}
    missing = [_COLUMNS[ours][0] for ours in _NEEDED if names[ours] is None]
    if missing:
        raise FileError(f"The declared REDCap data dictionary lacks its columns {', '.join(missing)}.")
    fields = [_field(table, names, row) for row in range(table.n_rows)]
    found = {f.name: f for f in fields if f.name}
    if not found:
        raise FileError("The declared REDCap data dictionary has no field; expected a row for each.")
    return Dictionary(found)


def _field(table: Delimited, names: dict[str, str | None], row: int) -> Field:
    def cell(ours: str) -> str:
        name = names[ours]
        return (table.columns[name][row] or "") if name is not None else ""

    kind = cell("type").lower()
    has_choices = kind in ("radio", "dropdown", "checkbox")
    return Field(
        cell("name").lower(),
        kind,
        cell("form"),
        _choices(cell("choices")) if has_choices else _FIXED_CHOICES.get(kind, {}),
        cell("validation").lower(),
        cell("identifier").lower() in ("y", "1"),
    )


def _choices(text: str) -> dict[str, str]:
    pairs = (part.partition(",") for part in re.split(r"[|\n]", text) if part.strip())
    return {code.strip(): label.strip() or code.strip() for code, _, label in pairs}
