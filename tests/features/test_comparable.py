"""Columns of a dataset and of gold rows in one tongue: equal content gives equal numbers, other content others."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from features.leakage.comparable import comparable
from features.view import Feature, GoldView
from infra.table import ColumnType, arrow_type

EARLY, LATE = datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), datetime(2190, 1, 1, tzinfo=UTC)


def both(type_: ColumnType, dataset: Sequence[Any], gold: Sequence[Any]) -> tuple[list[float], list[float], list[str]]:
    view = GoldView("v", "patient", "A view.", (), (Feature("x", type_, "X.", "x/1", ()),), lambda silver: silver[""])
    column = dataset if isinstance(dataset, pd.Series) else pd.Series(list(dataset), dtype=object)
    frame = pd.DataFrame({"v__x": column.infer_objects()})
    pairs, left_out = comparable(view, frame, ["x"], pa.table({"x": pa.array(gold, arrow_type(type_))}))
    a, b = pairs.get("x", ([], []))
    return list(a), list(b), left_out


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        ("double", [0.1 + 0.2, -1e300]),
        ("int", [1, 2]),
        ("bigint", [1, 2]),
        ("boolean", [True, False]),
        ("string", ["a", "b"]),
        ("timestamp", [EARLY, LATE]),
        ("array<double>", [[1.0, float("nan")], [1.0, 2.0]]),
        ("array<string>", [["a", "b"], ["ab"]]),
        ("array<timestamp>", [[EARLY, LATE], [LATE]]),
    ],
)
def test_the_same_content_is_the_same_number(type_: ColumnType, values: list[Any]) -> None:
    one, other = values
    dataset: Any = [one, other, None]
    if type_ == "timestamp":
        dataset = pd.Series(pd.array(dataset, dtype="datetime64[us, UTC]"))
    if type_ == "array<timestamp>":
        dataset = pa.array(dataset, arrow_type(type_)).to_pandas()
    a, b, left_out = both(type_, dataset, [None, other, one])
    assert not left_out
    assert np.isnan([a[2], b[0]]).all()
    assert (a[0], a[1]) == (b[2], b[1])
    assert a[0] != a[1]


def test_what_a_text_file_made_of_arrays_and_times_is_left_out() -> None:
    assert both("array<double>", ["[1. 2.]"], [[1.0, 2.0]])[2] == ["x"]
    assert both("timestamp", ["2026-03-01 10:00"], [LATE])[2] == ["x"]


def test_a_text_for_a_number_is_missing() -> None:
    assert np.isnan(both("double", ["high"], [1.0])[0]).all()
