"""A hospital's own CSV tables, as its site declares them: other names, other words, to the columns that a reader knows.

A file that has every column of a declared table is that table, whatever else it has; what is not declared is not read.
Readers ask `columns_of` for their columns and stay the same for templates and for declared tables.
"""

from collections.abc import Callable, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from infra.declared import nearest
from infra.errors import UsageError
from infra.settings import Site
from infra.sites import TableMap
from ingestion.columnar import TextColumns, distinct, find_name, header_of, mapped, read_columns
from ingestion.format import Format, Probe, RawFile


def tables_of(site: Site, header: list[str], *formats: str) -> dict[str, TableMap]:
    """The site's declared tables that become one of these formats and whose columns the header has, by their name.

    Tables of REDCap projects are left out: only with their data dictionary do they say what they hold.
    """
    return {
        name: table
        for name, table in site.tables.items()
        if table.format in formats
        and table.redcap is None
        and all(find_name(header, theirs) is not None for theirs in table.columns.values())
    }


def declared_as(*formats: str) -> Callable[[Probe, Site], bool]:
    """For `Format.declared`: whether the file has the columns of a table that the site declares as one of these."""

    def is_declared(probe: Probe, site: Site) -> bool:
        if not any(table.format in formats for table in site.tables.values()) or probe.is_binary:
            return False
        return bool(tables_of(site, header_of(probe.lines), *formats))

    return is_declared


def columns_of(raw: RawFile, site: Site, format_name: str) -> tuple[TextColumns, Site, TableMap | None]:
    """The columns of a file under the names of the format, and the site as it reads them.

    Where the site declares such a table these are its columns, and the table comes with them; else the file's own.
    Raises FileError where the text is no table.
    """
    table = read_columns(raw.text)
    declared = next(iter(tables_of(site, list(table.columns), format_name).values()), None)
    if declared is None:
        return table, site, None
    return translated(table, declared), site_of(declared, site), declared


def site_of(table: TableMap, site: Site) -> Site:
    """The site as it writes this table."""
    own = {"day_first": table.day_first, "decimal_mark": table.decimal_mark}
    return site.model_copy(update={name: value for name, value in own.items() if value is not None})


def translated(file: TextColumns, table: TableMap) -> TextColumns:
    """The declared columns of a file under the names of the format, with its words, and what is fixed.

    Raises KeyError where the file lacks one of them (see `tables_of`).
    """
    columns: dict[str, pa.Array] = {}
    for ours, theirs in table.columns.items():
        name = find_name(list(file.columns), theirs)
        if name is None:
            raise KeyError(theirs)
        columns[ours] = worded(file.columns[name], table.words.get(ours, {}))
    for ours, value in table.fixed.items():
        columns[ours] = pa.repeat(pa.scalar(value), file.n_rows)
    return TextColumns(columns, file.problems)


def worded(values: pa.Array, words: Mapping[str, str]) -> pa.Array:
    """Text with the site's words replaced; other text stays, "" becomes null."""
    if not words:
        return values
    stripped = pc.utf8_trim_whitespace(values)
    return mapped(stripped, [(text, instead_of(text, words) or None) for text in distinct(stripped)])


def instead_of(text: str, words: Mapping[str, str]) -> str:
    """What the site says instead of a word: as it is written, else whatever the case; the word itself where nothing."""
    if text in words:
        return words[text]
    return next((instead for word, instead in words.items() if word.casefold() == text.casefold()), text)


def check_tables(site: Site) -> None:
    """Raises UsageError where a declared table, or a reporting delay, names what does not exist, or lacks a column."""
    from ingestion.registry import SOURCES

    for name in site.reporting_delay_days:
        if name not in SOURCES:
            raise UsageError(_sentence(f"{site.site_id}.reporting_delay_days.{name} is no source", name, SOURCES))
    formats = {f.name: f for source in SOURCES.values() for f in source.formats if f.mappable}
    for name, table in site.tables.items():
        where = f"{site.site_id}.tables.{name}"
        if table.format not in formats:
            raise UsageError(_sentence(f"{where} becomes {table.format}, which is no format", table.format, formats))
        _check_columns(where, table, formats[table.format])


def _check_columns(where: str, table: TableMap, format_: Format) -> None:
    assert format_.mappable is not None
    given, fields = {**table.columns, **table.fixed}, format_.mappable.fields
    for name in given:
        if name not in fields:
            raise UsageError(_sentence(f"{where} names {name}, which is no column of {format_.name}", name, fields))
    missing = [name for name in format_.mappable.needed if name not in given]
    if missing:
        raise UsageError(f"The setting sites.{where} lacks {', '.join(missing)}, which {format_.name} needs.")
    for key in ("needs", "units", "redcap"):
        if getattr(table, key) and key not in format_.mappable.honours:
            raise UsageError(f"The setting sites.{where}.{key} means nothing for {format_.name}; expected it absent.")


def _sentence(what: str, name: str, known: Mapping[str, object] | tuple[str, ...]) -> str:
    hint = nearest(name, known)
    return f"The setting sites.{what}; {hint if hint.endswith('?') else hint + '.'}"
