"""REDCap exports: one CSV for all events and instruments of a project, read by its data dictionary.

The site declares the project (`[sites.X.redcap.NAME]`: the dictionary, its data access group) and which fields become
which columns of the templates (`[sites.X.tables.NAME]` with `redcap`). The dictionary says the rest: labels of codes,
the order of dates, decimal commas, check boxes. Exports carry variable names as header; codes or labels as cells.

A row of an export belongs to a record, an event and perhaps an instance of a repeated instrument, and has cells of that
only. It gives a record of the lake for each declared table of which it holds a field besides the record's identifier;
a table whose column is a whole check-box field gives one for each choice that is checked.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from infra.declared import nearest
from infra.errors import FileError
from infra.settings import Site
from infra.sites import RedcapProject, TableMap
from ingestion.columnar import TextColumns, distinct, find_name, header_of, mapped, present
from ingestion.format import Format, Probe, RawFile
from ingestion.problems import join_problems, where
from ingestion.site_tables import instead_of, site_of, worded
from ingestion.sources.clinical.declared_csv import CLINICAL_RECORD, TEMPLATE_OF, Records, batches, taken
from ingestion.sources.clinical.redcap_dictionary import FREE_TEXT, STRUCTURE, Dictionary, Field, read_dictionary
from ingestion.sources.clinical.template_csv import MISSING
from ingestion.text import decode, read_delimited

_GROUP = "redcap_data_access_group"
_LONGEST_HEADER = 1 << 20
_CHECKED = ("1", "checked", "Checked")
_CHECKED_WORDS = {"1": "yes", "checked": "yes", "0": "no", "unchecked": "no"}


@dataclass(frozen=True)
class Export:
    """An export of a project: its columns, its dictionary, and the declared tables that it has the fields of."""

    file: TextColumns
    project: RedcapProject
    dictionary: Dictionary
    tables: dict[str, TableMap]

    def column(self, name: str) -> pa.Array:
        """A column stripped, null where it is empty."""
        found = find_name(list(self.file.columns), name)
        assert found is not None
        return present(self.file.columns[found], ())


def is_redcap(probe: Probe, site: Site) -> bool:
    """Whether the header has the record's identifier and the fields of a declared table of one of the projects."""
    if not site.redcap or probe.is_binary:
        return False
    try:
        return _project_of(site, header_of(_lines(probe))) is not None
    except csv.Error:  # a line that is no header of anything
        return False


def _lines(probe: Probe) -> list[str]:
    """The first lines. A project of thousands of fields has a header that is longer than a probe's head."""
    if "\n" in probe.text or probe.path is None:
        return probe.lines
    with probe.path.open("rb") as stream:
        return decode(stream.read(_LONGEST_HEADER)).split("\n")


def read_redcap(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Yields a batch for each declared table, or choice of its check box.

    Raises FileError where the file is of none of the site's projects, a declaration does not fit the dictionary, or the
    file does not say which of several data access groups is the site's.
    """
    table = read_delimited(raw.text)
    found = _project_of(site, list(table.columns))
    if found is None:
        raise FileError(f"The file is an export of no REDCap project that site {site.site_id} declares.")
    columns = {name: table.array(name) for name in table.columns}
    export = Export(TextColumns(columns, pa.array(table.problems, pa.string())), *found)
    mine, unclear = _of_group(export, site)
    parts = []
    for name, declared in export.tables.items():
        for variant, checkbox in _variants(name, declared, export):
            parts.append(_records(name, variant, checkbox, export, site, mine, unclear))
    yield from batches(parts)


def _project_of(site: Site, header: list[str]) -> tuple[RedcapProject, Dictionary, dict[str, TableMap]] | None:
    for name, project in site.redcap.items():
        dictionary = read_dictionary(project.dictionary)
        tables = {
            table: declared
            for table, declared in site.tables.items()
            if declared.redcap == name and all(_has(header, dictionary, c) for c in declared.columns.values())
        }
        if tables and find_name(header, dictionary.record_id) is not None:
            return project, dictionary, tables
    return None


def _has(header: list[str], dictionary: Dictionary, column: str) -> bool:
    field = dictionary.fields.get(column.lower())
    if field is not None and field.is_checkbox:
        return any(find_name(header, field.column_of(code)) is not None for code in field.choices)
    return find_name(header, column) is not None


def _of_group(export: Export, site: Site) -> tuple[pa.Array, pa.Array]:
    """Which rows are the site's, and the problem of each row (null: none)."""
    n, group = export.file.n_rows, export.project.group
    if find_name(list(export.file.columns), _GROUP) is None:
        if group is not None:
            raise FileError(f"The export has no column {_GROUP}, by which site {site.site_id} knows its records.")
        return pa.repeat(True, n), pa.nulls(n, pa.string())
    given = export.column(_GROUP)
    groups = distinct(given)
    if group is None:
        if len(groups) > 1:
            raise FileError(
                f"The export holds records of {len(groups)} data access groups; declare `group` of the REDCap project "
                f"for site {site.site_id} in the settings file."
            )
        return pa.repeat(True, n), pa.nulls(n, pa.string())
    if group not in groups:
        raise FileError(f"The export holds no record of the data access group that site {site.site_id} declares.")
    is_mine = pc.or_(pc.is_null(given), pc.fill_null(pc.equal(given, group), False))
    return is_mine, where(pc.is_null(given), "the record belongs to no data access group")


def _variants(name: str, table: TableMap, export: Export) -> Iterator[tuple[TableMap, tuple[str, str, str] | None]]:
    """The table once, or once for each choice of its check-box field: with (column, export's column, label)."""
    _check(name, table, export.dictionary)
    whole = [
        (ours, f)
        for ours, theirs in table.columns.items()
        if (f := export.dictionary.fields.get(theirs.lower())) is not None and f.is_checkbox
    ]
    if not whole:
        yield table, None
        return
    if len(whole) > 1:
        raise FileError(f"Table {name} has {len(whole)} check-box fields as columns; expected at most one.")
    ours, field = whole[0]
    for code, label in field.choices.items():
        if find_name(list(export.file.columns), field.column_of(code)) is not None:
            words = table.words.get(ours, {})
            yield table, (ours, field.column_of(code), words.get(code, words.get(label, label)))


def _check(name: str, table: TableMap, dictionary: Dictionary) -> None:
    """Raises FileError where a field is not in the dictionary, is free text, or would carry an identifier in words."""
    kinds = {c.name: c.kind for c in TEMPLATE_OF[table.format].columns}
    contents = 0
    for ours, theirs in table.columns.items():
        if theirs in STRUCTURE:
            continue
        field = dictionary.find(theirs)
        if field is None:
            hint = nearest(theirs, [*dictionary.fields, *STRUCTURE])
            raise FileError(f"Table {name} names the field {theirs}, which the data dictionary lacks; {hint}")
        if field.type in FREE_TEXT:
            raise FileError(f"Table {name} names the field {theirs} of type {field.type}; free text is not read.")
        kind = kinds.get(ours, "time")  # a year or date of birth, of which only the year is read
        if field.is_identifier and kind not in ("identifier", "time"):
            raise FileError(
                f"Table {name} puts the field {theirs}, which the data dictionary marks as an identifier, into {ours}, "
                "whose text can be read in the lake."
            )
        contents += theirs.lower() != dictionary.record_id and ours != "patient_id"
    if not contents:
        raise FileError(f"Table {name} names no field but the patient's identifier; expected one that says something.")


def _records(
    name: str,
    table: TableMap,
    checkbox: tuple[str, str, str] | None,
    export: Export,
    site: Site,
    mine: pa.Array,
    unclear: pa.Array,
) -> Records:
    """The records of one declared table, or of one choice of its check box."""
    n = export.file.n_rows
    columns: dict[str, pa.Array] = {ours: pa.repeat(pa.scalar(value), n) for ours, value in table.fixed.items()}
    problems = join_problems(export.file.problems, unclear)
    holds, has_number = pa.repeat(False, n), False
    for ours, theirs in table.columns.items():
        if checkbox is not None and ours == checkbox[0]:
            is_checked = pc.is_in(export.column(checkbox[1]), pa.array(_CHECKED))
            columns[ours] = pc.if_else(is_checked, checkbox[2], None)
            continue
        values, field = export.column(theirs), export.dictionary.find(theirs)
        if ours == "patient_id" and theirs.lower() != export.dictionary.record_id:
            values, differs = _of_record(values, export.column(export.dictionary.record_id))
            problems = join_problems(problems, differs)
        columns[ours], unknown = _decoded(values, field, table.words.get(ours, {}), ours)
        problems = join_problems(problems, unknown)
        if field is not None and theirs.lower() != export.dictionary.record_id and ours != "patient_id":
            # A code that nobody knows is something too: its record is kept, with the problem.
            is_given = pc.or_(pc.is_valid(columns[ours]), pc.is_valid(unknown))
            holds = pc.or_(holds, pc.is_in(values, pa.array(_CHECKED)) if field.is_checkbox else is_given)
        has_number |= field is not None and field.is_number
    is_record = pc.and_(holds if checkbox is None else pc.is_valid(columns[checkbox[0]]), mine)
    for needed in table.needs:
        is_record = pc.and_(is_record, pc.is_valid(present(columns[needed], MISSING)))
    rows = pc.indices_nonzero(is_record).cast(pa.int64())
    own = site_of(table, site)
    if has_number:
        own = own.model_copy(update={"decimal_mark": "."})
    return Records(TEMPLATE_OF[table.format], taken(TextColumns(columns, problems), rows), rows, own)


def _decoded(values: pa.Array, field: Field | None, words: dict[str, str], ours: str) -> tuple[pa.Array, pa.Array]:
    """Codes as labels, dates and numbers one way, with the site's words; and the problem of each row (null: none)."""
    nothing = pa.nulls(len(values), pa.string())
    if field is None:
        return worded(values, words), nothing
    if field.is_checkbox:
        return worded(values, {**_CHECKED_WORDS, **words}), nothing
    if not field.choices:
        return worded(field.plain(values), words), nothing
    labels = set(field.choices.values())

    def meant(text: str) -> str | None:
        """The site's word for the code, else for its label, else the label. Null: neither code nor label."""
        label = field.choices.get(text, text)
        if text in words or label in labels:
            return words[text] if text in words else instead_of(label, words)
        return None

    meanings = [(text, meant(text)) for text in distinct(values)]
    problem = f"{ours} holds a code that is none of the data dictionary's choices"
    unknown = [(text, problem) for text, meaning in meanings if meaning is None]
    return mapped(values, [(text, meaning or None) for text, meaning in meanings]), mapped(values, unknown)


def _of_record(values: pa.Array, records: pa.Array) -> tuple[pa.Array, pa.Array]:
    """A field that stands on one row of a record, on all of its rows; and a problem where its rows differ."""
    by_record: dict[str, set[str]] = {}
    for record, value in zip(records.to_pylist(), values.to_pylist(), strict=True):
        if record is not None and value is not None:
            by_record.setdefault(record, set()).add(value)
    one = [(record, next(iter(found))) for record, found in by_record.items() if len(found) == 1]
    several = [
        (record, "patient_id differs between rows of its record") for record, s in by_record.items() if len(s) > 1
    ]
    return mapped(records, one), mapped(records, several)


REDCAP_CSV = Format(
    name="redcap_csv",
    looked_for="an export of a REDCap project whose data dictionary the site declares",
    recognise=lambda probe: False,
    read=read_redcap,
    raw=CLINICAL_RECORD,
    declared=is_redcap,
)
