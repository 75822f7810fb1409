"""Problems of records as Arrow columns of text: null where there is none."""

import pyarrow as pa
import pyarrow.compute as pc


def where(condition: pa.Array, problem: str) -> pa.Array:
    """The problem where the condition holds; null elsewhere (and where the condition is null)."""
    return pc.if_else(condition, pa.scalar(problem), pa.scalar(None, pa.string()))


def join_problems(first: pa.Array, *others: pa.Array) -> pa.Array:
    """The problems of each record in one text, '; ' between them; null where there is none."""
    joined = first.cast(pa.string())
    for other in others:
        # Not one join over all with null_handling='skip': for all-null columns Arrow 25 returns no rows there.
        joined = pc.coalesce(pc.binary_join_element_wise(joined, other, "; "), joined, other)
    return joined
