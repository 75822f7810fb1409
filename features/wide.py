"""Wide omics: from arrays with their names, one pair a row, to one matrix with a column for each name.

A panel of thousands of proteins is two columns of a feature view, an array of names and an array of values, not
thousands of features: what a store does for each feature it then does twice, and not five thousand times. Rows may
have different panels; values are put under their names. No step looks at a single cell in Python.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Wide:
    """names: of the columns, each once. values: rows x names, float64; NaN where a row does not have the name."""

    names: list[str]
    values: Values

    def frame(self, prefix: str = "", index: "list[Any] | pd.Index | pd.Series | None" = None) -> "pd.DataFrame":
        """As a pandas frame over the same memory, columns named `prefix` + name."""
        import pandas as pd

        return pd.DataFrame(self.values, columns=[prefix + name for name in self.names], index=index, copy=False)

    def arrow(self, prefix: str = "") -> pa.Table:
        """As an Arrow table with one column of float64 for each name."""
        return pa.table({prefix + name: self.values[:, i] for i, name in enumerate(self.names)})


def wide(table: "pa.Table | pd.DataFrame", names: str, values: str) -> Wide:
    """The matrix of two columns of arrays, in the order of the rows.

    table: what a retrieval returned (`to_arrow()`, or `to_df()`, which is slower). names: column of the arrays of
    names. values: column of the arrays of numbers, as long as the names' row by row. A null array is a row of NaN, and
    so is a null number. Columns come in the order in which names first appear, which for rows of one panel is the
    panel's.

    Raises UsageError where a column is not there or holds no such arrays, an array is longer than the other, or a row
    has a name twice or a null for one.
    """
    named, numbers = _column(table, names, pa.string()), _column(table, values, pa.float64())
    lengths = _lengths(named)
    given = _lengths(numbers)
    # A row without values has names all the same where the feature was not computed.
    if np.any((given != lengths) & ((given > 0) | (lengths == 0))):
        raise UsageError(f"Columns {names} and {values} have arrays of different lengths in some row.")
    rows = len(lengths)
    counted = np.where(given > 0, lengths, 0)
    if pc.list_flatten(named).null_count:
        raise UsageError(f"A row has a null for a name in {names}.")
    flat = _flat(numbers)
    if rows and (panel := _one_panel(named, lengths)) is not None:
        matrix = np.full((rows, len(panel)), np.nan)
        matrix[counted > 0] = flat.reshape(-1, len(panel))
        return Wide(panel.to_pylist(), matrix)
    codes = pc.list_flatten(named).dictionary_encode()
    place = codes.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    row = np.repeat(np.arange(rows), lengths)
    columns = len(codes.dictionary)
    seen = np.zeros((rows, columns), dtype=bool)
    seen[row, place] = True
    if np.count_nonzero(seen) != len(place):
        raise UsageError(f"A row has a name twice in {names}.")
    has_value = np.repeat(counted > 0, lengths)
    matrix = np.full((rows, columns), np.nan)
    matrix[row[has_value], place[has_value]] = flat
    return Wide(codes.dictionary.to_pylist(), matrix)


def _column(table: "pa.Table | pd.DataFrame", name: str, of: pa.DataType) -> pa.LargeListArray:
    if name not in (table.column_names if isinstance(table, pa.Table) else table.columns):
        raise UsageError(f"There is no column {name}; expected a column of arrays.")
    column: Any = table[name]
    if not isinstance(table, pa.Table):
        column = _from_objects(column.to_numpy())
    array = pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) and column.num_chunks else column
    if isinstance(array, pa.ChunkedArray):
        array = pa.array([], array.type)
    if not (pa.types.is_null(array.type) or pa.types.is_list(array.type) or pa.types.is_large_list(array.type)):
        raise UsageError(f"Column {name} holds {array.type}; expected arrays.")
    return array.cast(pa.large_list(of))


def _from_objects(cells: npt.NDArray[Any]) -> pa.Array:
    """Arrays in a column of objects, as `to_df()` returns them; anything else is a null."""
    return pa.array([cell if isinstance(cell, np.ndarray | list) else None for cell in cells])


def _lengths(arrays: pa.LargeListArray) -> npt.NDArray[np.int64]:
    lengths: npt.NDArray[np.int64] = pc.fill_null(pc.list_value_length(arrays), 0).to_numpy().astype(np.int64)
    return lengths


def _flat(arrays: pa.LargeListArray) -> Values:
    flat: Values = pc.list_flatten(arrays).fill_null(np.nan).to_numpy(zero_copy_only=False)
    return flat


def _one_panel(named: pa.LargeListArray, lengths: npt.NDArray[np.int64]) -> pa.Array | None:
    """The names, where every row that has any has the same in the same order; else None."""
    length = int(lengths.max())
    if length == 0 or not np.isin(lengths, (0, length)).all():
        return None
    flat = pc.list_flatten(named)
    panel, repeats = flat.slice(0, length), len(flat) // length
    ends = pc.binary_length(flat).to_numpy(zero_copy_only=False).reshape(repeats, length)
    if len(panel.unique()) < length or not (ends == ends[0]).all():
        return None
    # Texts of the same lengths are the same where their bytes are: no text is made a Python object.
    return panel if (_bytes(flat).reshape(repeats, -1) == _bytes(panel)).all() else None


def _bytes(texts: pa.Array) -> npt.NDArray[np.uint8]:
    offset_type = np.int64 if pa.types.is_large_string(texts.type) else np.int32
    _, offsets, data = texts.buffers()
    if data is None:
        return np.array([], np.uint8)
    ends = np.frombuffer(offsets, offset_type)[texts.offset : texts.offset + len(texts) + 1]
    return np.frombuffer(data, np.uint8)[ends[0] : ends[-1]]
