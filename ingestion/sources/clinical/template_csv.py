"""Reads the clinical templates: comma or semicolon, decimal point or comma, any case of the column names.

Columns that a template does not have are not read, and cells that should be a code or a short label and are neither
are left out with a problem: no free text gets past this reader. Of a birth date only the year does.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import FileError
from infra.settings import Site
from ingestion.columnar import TextColumns, header_of, read_columns
from ingestion.dates import parse_times
from ingestion.decimals import settled
from ingestion.format import Format, Mappable, Probe, RawFile
from ingestion.problems import join_problems, where
from ingestion.sources.clinical.templates import (
    PATIENT,
    REPORT_TIME,
    TEMPLATES,
    TIMESTAMP,
    Template,
    TemplateColumn,
    template_of,
)
from ingestion.vocabulary import coded, named

MISSING = ("NA", "N/A", "NaN", "NULL", "null", "None", "-", "--")
_LABEL = r"^[\p{L}\p{N}%{/][\p{L}\p{N} _.,/%()+:{}²µ-]{0,59}$"
_TIME_OF_DAY = r"\d{1,2}:\d{2}|^\d{8}[ T]?\d{4}"
_DAY = timedelta(days=1)  # an Arrow scalar would import pandas, before the JVM starts


def read_template(table: TextColumns, template: Template, site: Site) -> pa.RecordBatch:
    """The records of a table that has the columns of a template.

    Raises FileError where a required column is missing, or dates or numbers are ambiguous.
    """
    missing = template.missing_from(list(table.columns))
    if missing:
        raise FileError(f"The {template.table} table lacks its columns {', '.join(missing)}; see docs/templates.md.")
    columns: dict[str, pa.Array] = {}
    problems = table.problems
    for column in template.columns:
        columns[column.name], unclear = _column(column, _get(table, *column.names), site)
        problems = join_problems(problems, unclear)
    if template is PATIENT:
        columns["birth_year"], unclear = _birth_year(table, site)
        problems = join_problems(problems, unclear)
    for known, column in (("observed_known_time", template.event), ("reported_known_time", REPORT_TIME)):
        columns[known] = _end_of_day(columns[column.name], _get(table, *column.names))
    return template.raw.batch(file_row=pa.array(range(table.n_rows), pa.int64()), problem=problems, **columns)


def _reader_of(template: Template) -> Callable[[RawFile, Site], Iterator[pa.RecordBatch]]:
    def read(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
        yield read_template(read_columns(raw.text), template, site)

    return read


def _get(table: TextColumns, *names: str) -> pa.Array:
    """A column that the file need not have: all null where it has not."""
    column = table.get(*names, missing=MISSING)
    return pa.nulls(table.n_rows, pa.string()) if column is None else column


def _column(column: TemplateColumn, values: pa.Array, site: Site) -> tuple[pa.Array, pa.Array]:
    """The values of a column as its kind has them, and the problem of each row (null: none)."""
    nothing = pa.nulls(len(values), pa.string())
    if column.kind == "time":
        times, problems = parse_times(values, site, column.name)
        return times, pa.array(problems, pa.string())
    if column.kind == "flag":
        codes, problems = coded(values, column.vocabulary or {}, column.name)
        return pc.equal(codes, "true"), problems
    if column.kind == "code":
        return coded(values, column.vocabulary or {}, column.name)
    if column.kind in ("label", "name"):
        is_label = pc.match_substring_regex(values, _LABEL)
        labels = pc.if_else(is_label, values, None)
        problems = where(pc.invert(is_label), f"{column.name} is no short label of up to 60 characters")
        return (named(labels, column.vocabulary) if column.vocabulary else labels), problems
    if column.kind == "number":  # conformed later, so that quarantine keeps the text
        return settled(values, site, column.name), nothing
    return values, nothing  # identifiers are hidden at the reading edge


def _birth_year(table: TextColumns, site: Site) -> tuple[pa.Array, pa.Array]:
    """Year of birth out of `birth_year` or `birth_date`, and the problem of each row. The date goes no further."""
    given = pc.coalesce(_get(table, "birth_year"), _get(table, "birth_date"))
    is_year = pc.match_substring_regex(given, r"^\d{4}$")
    # A day of birth belongs to no time zone: read in UTC, so that 1 January stays in its year.
    dates, problems = parse_times(
        pc.if_else(is_year, None, given), site.model_copy(update={"time_zone": "UTC"}), "birth_date"
    )
    years = pc.coalesce(pc.if_else(is_year, given, None).cast(pa.int32()), pc.year(dates).cast(pa.int32()))
    return years, pa.array(problems, pa.string())


def _end_of_day(times: pa.Array, text: pa.Array) -> pa.Array:
    """The times; where the text gives only the day, its end: by then at the latest it was known."""
    has_time_of_day = pc.match_substring_regex(text, _TIME_OF_DAY)
    end = pc.add(times, pa.scalar(_DAY, pa.duration("us")))
    return pc.if_else(pc.fill_null(has_time_of_day, True), times, end).cast(TIMESTAMP)


def _recogniser_of(template: Template) -> Callable[[Probe], bool]:
    return lambda probe: not probe.text.startswith("#") and template_of(header_of(probe.lines)) is template


def _format_of(template: Template) -> Format:
    return Format(
        name=f"{template.table}_csv",
        looked_for=f"the {template.table} template: patient_id and {' or '.join(template.signature)}",
        recognise=_recogniser_of(template),
        read=_reader_of(template),
        raw=template.raw,
        version=2,
        mappable=Mappable(
            template.fields, tuple(c.name for c in template.columns if c.is_required), ("needs", "redcap")
        ),
    )


TEMPLATE_FORMATS = tuple(_format_of(template) for template in TEMPLATES)
