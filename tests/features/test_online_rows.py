"""What goes into a packed row comes out of it."""

import math
from datetime import UTC, datetime
from typing import Any, cast

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.online.rows import (
    Packing,
    Stamp,
    entities_of,
    entity_key,
    from_microseconds,
    schema_of,
    stamped,
    times_of,
    to_microseconds,
)
from infra.errors import UsageError
from infra.table import ColumnType, arrow_type

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
_VALUES: dict[ColumnType, st.SearchStrategy[Any]] = {
    "double": st.floats(),
    "int": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "string": _TEXT,
    "timestamp": st.datetimes(datetime(1700, 1, 1), datetime(2400, 1, 1), timezones=st.just(UTC)),
    "array<double>": st.lists(st.none() | st.floats(), max_size=4),
    "array<string>": st.lists(st.none() | _TEXT, max_size=4),
    "array<timestamp>": st.lists(
        st.none() | st.datetimes(datetime(1700, 1, 1), datetime(2400, 1, 1), timezones=st.just(UTC)), max_size=4
    ),
}


@st.composite
def _row(draw: st.DrawFn) -> tuple[list[tuple[str, ColumnType]], list[Any]]:
    kinds = draw(st.lists(st.sampled_from(list(_VALUES)), max_size=20))
    values = [draw(st.none() | _VALUES[kind]) for kind in kinds]
    return [(f"f{i}", kind) for i, kind in enumerate(kinds)], values


def same(a: object, b: object) -> bool:
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    return type(a) is type(b) and a == b


@given(_row())
def test_a_row_comes_out_as_it_went_in(row: tuple[list[tuple[str, ColumnType]], list[Any]]) -> None:
    features, values = row
    packing = Packing(features)
    assert same(packing.unpack(packing.pack(values)), values)
    again = Packing.described(packing.description)
    assert again.fingerprint == packing.fingerprint
    assert same(again.unpack(packing.pack(values)), values)


@given(_row())
def test_a_table_is_packed_as_its_rows(row: tuple[list[tuple[str, ColumnType]], list[Any]]) -> None:
    features, values = row
    packing = Packing(features)
    table = pa.table(
        {name: pa.array([v, None], arrow_type(kind)) for (name, kind), v in zip(features, values, strict=True)}
    )
    if features:
        assert packing.pack_table(table) == [packing.pack(values), packing.pack([None] * len(values))]


def test_null_is_not_nan_nor_zero_nor_empty() -> None:
    packing = Packing([("x", "double"), ("s", "string"), ("a", "array<double>")])
    bodies = {
        packing.pack(cast(Any, values))
        for values in (
            (None, None, None),
            (float("nan"), None, None),
            (0.0, None, None),
            (None, "", None),
            (None, None, []),
        )
    }
    assert len(bodies) == 5


def test_a_stamp_tells_rows_apart() -> None:
    packing, other = Packing([("x", "double")]), Packing([("y", "double")])
    row = stamped(5, 9, packing.fingerprint, packing.pack([1.0]))
    assert (times_of(row), schema_of(row)) == ((5, 9), packing.fingerprint)
    assert Stamp.unpack(row).usable == 9
    assert Stamp.unpack(row).pack() == row
    others = {
        stamped(6, 9, packing.fingerprint, packing.pack([1.0])),
        stamped(5, 8, packing.fingerprint, packing.pack([1.0])),
        stamped(5, 9, other.fingerprint, packing.pack([1.0])),
        stamped(5, 9, packing.fingerprint, packing.pack([2.0])),
    }
    assert len(others | {row}) == 5


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)))
def test_times_are_exact(at: datetime) -> None:
    assert from_microseconds(to_microseconds(at)) == at


@given(st.lists(_TEXT))
def test_entities_are_read_from_their_keys(entities: list[str]) -> None:
    keys = [entity_key("patient_id", entity) for entity in entities]
    assert entities_of(keys, "patient_id").to_pylist() == entities


def test_types_that_cannot_be_held_are_named() -> None:
    with pytest.raises(UsageError, match="The feature day is of type date"):
        Packing([("day", "date")])
