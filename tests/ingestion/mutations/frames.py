"""Files through readers and `conform`, with identifiers left as they stand, so that tests can name them."""

from functools import reduce
from typing import TYPE_CHECKING

import pyarrow as pa

from infra.settings import Site
from infra.tables import TABLES
from ingestion.format import Probe, RawFile, Source, recognise

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession


def conformed(
    spark: "SparkSession", source: Source, files: dict[str, bytes], site: Site | None = None
) -> "dict[str, DataFrame]":
    """Conformed frames by table, of the files by name; the file's name stands for its id."""
    from pyspark.sql import functions as F

    site = site or Site()
    parts: dict[str, list[DataFrame]] = {}
    for name, content in files.items():
        format_ = recognise(source.formats, Probe.of(name, content))
        assert format_ is not None, f"no format knows {name}"
        batches = list(format_.read(RawFile(name, content), site))
        if not batches:
            continue
        raw = spark.createDataFrame(pa.Table.from_batches(batches)).withColumns(
            {"file_id": F.lit(name), "site_id": F.lit(site.site_id), "format": F.lit(format_.name)}
        )
        raw = raw.withColumn("record", F.struct(*(c.name for c in format_.raw.columns)))
        for table, frame in source.conform[format_.raw.name](raw, site).items():
            have = set(frame.columns)
            assert have <= {c.name for c in TABLES[table].conformed_columns} | {"format", "problem", "record"}
            columns = [
                (F.col(c.name) if c.name in have else F.lit(None)).cast(c.type).alias(c.name)
                for c in TABLES[table].conformed_columns
            ]
            parts.setdefault(table, []).append(frame.select(*columns, "problem"))
    return {table: reduce(lambda a, b: a.unionByName(b), frames) for table, frames in parts.items()}


def rows(frame: "DataFrame", *columns: str) -> list[tuple[object, ...]]:
    """The columns of a frame as tuples, in the order of file and record."""
    return [tuple(r) for r in frame.orderBy("file_id", "file_row").select(*columns).collect()]
