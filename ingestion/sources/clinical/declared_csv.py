"""A hospital's own clinical tables, declared by its site: one file may hold records of several tables.

A row gives one record for each declared table that it holds something for: patients and outcomes of one export, or
three markers of one row.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import FileError
from infra.settings import Site
from infra.sites import TableMap
from ingestion.columnar import TextColumns, present, read_columns
from ingestion.format import Format, RawColumn, RawFile, RawSchema
from ingestion.site_tables import declared_as, site_of, tables_of, translated
from ingestion.sources.clinical.template_csv import MISSING, TEMPLATE_FORMATS, read_template
from ingestion.sources.clinical.templates import TEMPLATES, Template

TEMPLATE_OF: dict[str, Template] = {f.name: t for f, t in zip(TEMPLATE_FORMATS, TEMPLATES, strict=True)}
"""Templates by the name of their format."""

CLINICAL_RECORD = RawSchema(
    "clinical_record",
    (RawColumn("table"), *{c.name: c for template in TEMPLATES for c in template.raw.columns}.values()),
)
"""Records of any of the templates. table: which one."""


@dataclass(frozen=True)
class Records:
    """Records of one declared table: the columns of its template, and the row of the file that each comes from."""

    template: Template
    columns: TextColumns
    rows: pa.Array
    site: Site


def read_declared(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Yields a batch for each declared table that the file holds. Raises FileError where it holds none, or as a
    template's reader does."""
    file = read_columns(raw.text)
    tables = tables_of(site, list(file.columns), *TEMPLATE_OF)
    if not tables:
        raise FileError(f"The file has the columns of no clinical table that site {site.site_id} declares.")
    yield from batches([records_of(translated(file, table), table, site) for table in tables.values()])


def records_of(columns: TextColumns, table: TableMap, site: Site) -> Records:
    """The records that translated columns hold: the rows that have what the table needs."""
    is_record = pa.repeat(True, columns.n_rows)
    for name in table.needs:
        is_record = pc.and_(is_record, pc.is_valid(present(columns.columns[name], MISSING)))
    rows = pc.indices_nonzero(is_record).cast(pa.int64())
    return Records(TEMPLATE_OF[table.format], taken(columns, rows), rows, site_of(table, site))


def taken(columns: TextColumns, rows: pa.Array) -> TextColumns:
    """Some rows of a table."""
    return TextColumns({n: c.take(rows) for n, c in columns.columns.items()}, columns.problems.take(rows))


def batches(of_tables: Iterable[Records]) -> Iterator[pa.RecordBatch]:
    """One batch for each; `file_row` is row x number of tables + position."""
    parts = list(of_tables)
    for position, part in enumerate(parts):
        batch = read_template(part.columns, part.template, part.site)
        columns = {name: batch.column(name) for name in batch.schema.names}
        columns["file_row"] = pc.add(pc.multiply(part.rows, len(parts)), position)
        yield CLINICAL_RECORD.batch(table=pa.repeat(part.template.table, len(part.rows)), **columns)


DECLARED_CSV = Format(
    name="clinical_declared_csv",
    looked_for="a table that the site declares",
    recognise=lambda probe: False,
    read=read_declared,
    raw=CLINICAL_RECORD,
    declared=declared_as(*TEMPLATE_OF),
)
