"""Records judged and hashed in the worker that read them: what `ingestion.staging` asks of Spark, on Arrow columns.

For sources of many rows whose records are rows already (`ingestion.format.ArrowConform`): the rows go from the reader
to the data file without a way through the JVM. Verdicts, hashes and the kept record are those of the other way.
"""

import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import numpy as np
import pyarrow as pa

from infra.settings import Site
from infra.table import Table
from ingestion.format import ArrowConform
from ingestion.hashing import xxhash64
from ingestion.sink import BITS, HALVES, KEY
from ingestion.versions import SECOND_SEED
from quality.arrow_gate import broken_bits
from quality.gate import critical_mask

_TEXT: Final = pa.dictionary(pa.int32(), pa.string())
_NULLS_TOGETHER: Final = 30


def weighed(records: pa.RecordBatch, conform: ArrowConform, site: Site, table: Table) -> pa.Table:
    """What the sink needs of each record, from enveloped raw records: see `ingestion.staging`."""
    given = {f.name: _encoded(c) for f, c in zip(records.schema, records.columns, strict=True)}
    n = records.num_rows
    rows = {**given, **conform(given, site)}
    types = {f.name: _TEXT if pa.types.is_string(f.type) else f.type for f in table.arrow_schema()}
    rows = {c.name: rows[c.name] if c.name in rows else pa.nulls(n, types[c.name]) for c in table.conformed_columns}
    bits = broken_bits(rows, table)
    is_problem = np.asarray(given["problem"].is_valid())
    is_faulty = is_problem | (bits != 0)
    is_refused = is_problem | ((bits & critical_mask(table)) != 0)
    halves = row_hash_halves(rows, table, n)
    key = xxhash64([rows[name] for name in table.key], n)
    columns = {
        **rows,
        BITS: pa.array(bits),
        "format": _only(given["format"], is_faulty),
        "problem": given["problem"].cast(pa.string()),
        "record": _kept(records, is_faulty),
        **dict(zip(HALVES, map(pa.array, halves), strict=True)),
        KEY: pa.array(key, mask=is_refused),
    }
    return pa.table(columns)


def row_hash_halves(rows: Mapping[str, pa.Array], table: Table, n: int) -> list[Any]:
    """As `ingestion.versions.row_hash_halves` has them. Tables with arrays are not hashed here."""
    names = table.content_columns
    nulls = []
    for k in range(0, len(names), _NULLS_TOGETHER):
        sums = np.zeros(n, np.int32)
        for i, name in enumerate(names[k : k + _NULLS_TOGETHER]):
            if rows[name].null_count:
                sums += np.asarray(rows[name].is_null()).astype(np.int32) << i
        nulls.append(pa.array(sums))
    content = [*nulls, *(rows[name] for name in names)]
    seed = pa.DictionaryArray.from_arrays(np.zeros(n, np.int32), pa.array([SECOND_SEED]))
    return [xxhash64(content, n), xxhash64([seed, *content], n)]


def _encoded(column: pa.Array) -> pa.Array:
    if not pa.types.is_string(column.type):
        return column
    return pa.nulls(len(column), _TEXT) if column.null_count == len(column) else column.dictionary_encode()


def _only(column: pa.Array, rows: "np.ndarray[Any, Any]") -> pa.Array:
    """Text where `rows` holds, null elsewhere."""
    where = np.flatnonzero(rows)
    if not len(where):
        return pa.nulls(len(column), pa.string())
    return _spread(column.take(pa.array(where)).to_pylist(), where, len(column))


def _spread(texts: list[Any], where: "np.ndarray[Any, Any]", n: int) -> pa.Array:
    places = np.full(n, len(texts), np.int32)
    places[where] = np.arange(len(texts))
    return pa.array([*texts, None], pa.string()).take(pa.array(places))


def _kept(records: pa.RecordBatch, rows: "np.ndarray[Any, Any]") -> pa.Array:
    """The raw records as JSON where `rows` holds, null elsewhere."""
    where = np.flatnonzero(rows)
    if not len(where):
        return pa.nulls(records.num_rows, pa.string())
    lineage = ("file_id", "site_id", "format", "file_row")
    raw = records.select([f.name for f in records.schema if f.name not in lineage]).take(pa.array(where))
    return _spread([record_json(r) for r in raw.to_pylist()], where, records.num_rows)


def record_json(record: Mapping[str, Any]) -> str:
    """As Spark's `to_json` under `ingestion.staging.RECORD_JSON`: nulls left out, times in UTC to the microsecond."""
    given = {name: _json_value(value) for name, value in record.items() if value is not None}
    return json.dumps(given, ensure_ascii=False, separators=(",", ":"))


def _json_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, float) and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return value
