"""Arrays with their names, row by row, into one matrix."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.wide import wide
from infra.errors import UsageError

NAMES = pa.list_(pa.string())
NUMBERS = pa.list_(pa.float64())


def table(names: list[Any], values: list[Any]) -> pa.Table:
    return pa.table({"genes": pa.array(names, NAMES), "n": pa.array(values, NUMBERS)})


def test_rows_of_one_panel_keep_its_order() -> None:
    found = wide(table([["IL6", "CCL2"], ["IL6", "CCL2"], None], [[1.0, 2.0], [3.0, None], None]), "genes", "n")
    assert found.names == ["IL6", "CCL2"]
    np.testing.assert_array_equal(found.values, [[1.0, 2.0], [3.0, np.nan], [np.nan, np.nan]])


def test_rows_of_different_panels_meet_under_their_names() -> None:
    found = wide(table([["IL6", "CCL2"], [], ["TNF", "IL6"]], [[1.0, 2.0], [], [5.0, 6.0]]), "genes", "n")
    frame = found.frame("npx_", index=["p", "q", "r"])
    assert frame.columns.tolist() == ["npx_IL6", "npx_CCL2", "npx_TNF"]
    np.testing.assert_array_equal(frame, [[1, 2, np.nan], [np.nan] * 3, [6, np.nan, 5]])
    assert found.arrow()["TNF"].to_pylist()[2] == 5.0


def test_names_that_run_together_alike_are_not_alike() -> None:
    found = wide(table([["AB", "C"], ["A", "BC"]], [[1.0, 2.0], [3.0, 4.0]]), "genes", "n")
    assert found.names == ["AB", "C", "A", "BC"]


def test_a_feature_that_was_not_computed_is_a_row_without_values() -> None:
    found = wide(table([["IL6", "TNF"], ["IL6", "TNF"]], [[1.0, 2.0], None]), "genes", "n")
    np.testing.assert_array_equal(found.values, [[1.0, 2.0], [np.nan, np.nan]])


def test_nothing_at_all_is_a_matrix_without_columns() -> None:
    assert wide(table([None, []], [None, []]), "genes", "n").values.shape == (2, 0)
    assert wide(table([], []), "genes", "n").values.shape == (0, 0)


@pytest.mark.parametrize(
    ("names", "values", "said"),
    [
        ([["A", "B"]], [[1.0]], "arrays of different lengths"),
        ([["A", "A"]], [[1.0, 2.0]], "a name twice"),
        ([["A", None]], [[1.0, 2.0]], "a null for a name"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(names: list[Any], values: list[Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        wide(table(names, values), "genes", "n")


def test_columns_that_are_no_arrays_are_refused() -> None:
    with pytest.raises(UsageError, match="no column proteins"):
        wide(table([], []), "proteins", "n")
    with pytest.raises(UsageError, match="expected arrays"):
        wide(pa.table({"genes": ["A"], "n": [1.0]}), "genes", "n")


ROWS = st.lists(
    st.one_of(
        st.none(),
        st.just({"A": 1.0, "B": 2.0}),
        st.dictionaries(
            st.sampled_from(["A", "B", "C", "é", "AB"]), st.one_of(st.none(), st.floats(-9, 9)), max_size=5
        ),
    ),
    max_size=8,
)


@given(ROWS, st.integers(0, 3))
def test_each_cell_is_where_its_name_says(rows: list[dict[str, float | None] | None], skipped: int) -> None:
    names, values = ([None if r is None else list(of(r)) for r in rows] for of in (dict.keys, dict.values))
    whole = table(names, values).slice(skipped)
    rows = rows[min(skipped, len(rows)) :]
    for given_as in (whole, whole.to_pandas()):
        found = wide(given_as, "genes", "n")
        assert set(found.names) == {name for r in rows for name in r or {}}
        expected = [[np.nan if (v := (r or {}).get(name)) is None else v for name in found.names] for r in rows]
        np.testing.assert_array_equal(found.values, np.array(expected).reshape(len(rows), len(found.names)))
