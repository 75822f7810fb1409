"""Workers that judge and hash their own records say what Spark says of the same ones, row for row."""

import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from infra.settings import Site
from infra.table import Table
from infra.tables import TABLES
from ingestion.batch import declared
from ingestion.format import RawSchema
from ingestion.reading import ENVELOPE
from ingestion.registry import SOURCES
from ingestion.staging import _weighed
from ingestion.weighing import weighed
from quality.arrow_gate import is_judgeable
from tests.quality.broken_rows import breaking_row, clean_row

DIRECT = [(source, name) for source in SOURCES.values() for name in source.direct]
SITE = Site(site_id="somewhere", reporting_delay_days={"vitals": 0.25})
EVENT = datetime(2024, 5, 1, 10, tzinfo=UTC)
TEXTS = ("", "a" * 26, "MAP", "HR", "mm[Hg]", "%", "é", "a\n", "Solar8000/ART_MBP", "x" * 31, "x" * 32, "ü" * 40)
NUMBERS = (0.0, -0.0, 14.0, 330.0, 330.5, float("nan"), float("inf"), 1e-7)
slow = pytest.mark.slow

pytestmark = pytest.mark.parametrize(("source", "raw"), DIRECT, ids=[name for _, name in DIRECT])


def test_every_check_is_understood_outside_spark(source: Any, raw: str) -> None:
    assert is_judgeable(TABLES[source.direct[raw].table])


def raw_schema(source: Any, name: str) -> RawSchema:
    return next(f.raw for f in source.formats if f.raw.name == name)


def value_of(chance: random.Random, type_: pa.DataType) -> Any:
    if chance.random() < 0.1:
        return None
    if pa.types.is_string(type_):
        return chance.choice(TEXTS)
    if pa.types.is_timestamp(type_):
        return chance.choice((EVENT, EVENT + timedelta(microseconds=chance.randrange(-(10**15), 10**15))))
    return chance.choice((*NUMBERS, chance.uniform(-500, 500)))


def any_records(schema: RawSchema, n: int) -> list[dict[str, Any]]:
    chance = random.Random(4)
    columns = [f for f in schema.arrow if f.name not in ("file_row", "problem")]
    problems = (None, None, None, "it is odd")
    return [
        {"problem": chance.choice(problems), **{f.name: value_of(chance, f.type) for f in columns}} for _ in range(n)
    ]


def declared_rows(schema: RawSchema, table: Table) -> list[dict[str, Any]]:
    """A clean row, and for each check one that breaks it, as raw records."""
    rows = [clean_row(table), *(breaking_row(table, c.name, k) for c, k in table.checks())]
    return [{f.name: row.get(f.name) for f in schema.arrow} | {"problem": None} for row in rows]


def batch_of(schema: RawSchema, records: list[dict[str, Any]]) -> pa.RecordBatch:
    arrow = pa.schema([*ENVELOPE, *schema.arrow])
    lead = {"file_id": "f" * 64, "site_id": SITE.site_id, "format": "some_csv"}
    return pa.RecordBatch.from_pylist([{**r, **lead, "file_row": i} for i, r in enumerate(records)], arrow)


def on_spark(spark: SparkSession, source: Any, schema: RawSchema, batch: pa.RecordBatch, table: Table) -> pa.Table:
    raw = spark.createDataFrame(pa.Table.from_batches([batch]))
    raw = raw.withColumn("record", F.struct("problem", *(c.name for c in schema.columns)))
    conformed = source.conform[schema.name](raw, SITE)[table.name]
    return _weighed(declared(conformed, table), table).toArrow()


def same(batch: pa.RecordBatch, spark: SparkSession, source: Any, raw: str) -> None:
    schema, direct = raw_schema(source, raw), source.direct[raw]
    table = TABLES[direct.table]
    theirs = on_spark(spark, source, schema, batch, table).sort_by("file_row")
    ours = weighed(batch, direct.conform, SITE, table)
    ours = pa.table([ours[f.name].cast(f.type) for f in theirs.schema], schema=theirs.schema)
    for name in theirs.column_names:
        if name == "record":
            kept = [[t and json.loads(t) for t in rows[name].to_pylist()] for rows in (ours, theirs)]
            assert kept[0] == kept[1]
        else:
            # As text: NaN is no equal of itself.
            assert str(ours[name].to_pylist()) == str(theirs[name].to_pylist()), name


@slow
def test_rows_that_break_each_check_are_weighed_alike(spark: SparkSession, source: Any, raw: str) -> None:
    schema = raw_schema(source, raw)
    same(batch_of(schema, declared_rows(schema, TABLES[source.direct[raw].table])), spark, source, raw)


@slow
def test_any_records_are_weighed_alike(spark: SparkSession, source: Any, raw: str) -> None:
    schema = raw_schema(source, raw)
    same(batch_of(schema, any_records(schema, 3_000)), spark, source, raw)
