"""How the rows of a gold table lie in files: in stretches of entities (or of days), each in a file of its own.

A file holds a stretch of the view's *order*: the entity's key, or for views built by day the UTC day of the event.
Within a file rows are sorted by entity and known time, which is the order that the as-of join wants. What an
incremental build touches then lies in few files (`features.building.exchange`; docs/adr/0016).
"""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.building.touched import PATIENT, Versions, distinct_values, union
from features.view import EVENT_TIME, KNOWN_TIME, GoldView
from infra import changes, delta
from infra.lake import Lake
from infra.tables import TABLES

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

FILE_BYTES: Final = 24 << 20
"""Size aimed at. Smaller files mean that less is written again with what was touched; opening one costs the same."""
MOST_FILES: Final = 256

Cut = str | date


def laid_out(rows: "DataFrame", view: GoldView, cuts: Sequence[Cut]) -> "DataFrame":
    """A whole view's rows in their order: one partition (and so one file) for each stretch between cuts."""
    from pyspark.sql import functions as F

    order = F.to_date(EVENT_TIME) if view.looks_back is not None else F.col(view.join_key)
    stretch = F.size(F.filter(F.array(*map(F.lit, cuts)), lambda cut: cut <= order)) if cuts else F.lit(0)
    return rows.repartitionById(len(cuts) + 1, stretch.cast("int")).sortWithinPartitions(view.join_key, KNOWN_TIME)


def quantiles(values: pa.Array, parts: int) -> list[Cut]:
    """Where to cut an array of order values into `parts` stretches with about as many values each; distinct."""
    if parts <= 1 or not len(values):
        return []
    ordered = values.take(pc.sort_indices(values))
    places = np.unique(np.arange(1, parts) * len(ordered) // parts)
    cuts = pc.unique(ordered.take(pa.array(places))).to_pylist()
    return [cut for cut in cuts if cut > ordered[0].as_py()]


def cuts(lake: Lake, view: GoldView, versions: Versions) -> list[Cut]:
    """Where a whole build cuts the view's order, so that its files come to about FILE_BYTES.

    The size is that of the table as it was, or of what it is built from. Days are weighed by the bounds of the silver
    files in the log, patients by nothing: pseudonyms spread evenly, and so do patients' rows.
    """
    path = lake.gold(view.name)
    silver = {
        name: changes.named_files(lake.silver(name), version)
        for name, version in versions.items()
        if version is not None
    }
    size = sum(f.size_bytes for f in changes.named_files(path)) if delta.exists(path) else 0
    size = size or sum(f.size_bytes for files in silver.values() for f in files)
    parts = min(MOST_FILES, round(size / FILE_BYTES))
    if parts <= 1:
        return []
    if view.looks_back is not None:
        return _cut_days([f for files in silver.values() for f in files], parts)
    naming = [name for name in silver if any(c.name == PATIENT for c in TABLES[name].columns)]
    patients = [distinct_values(lake.silver(name), [f.path for f in silver[name]], PATIENT) for name in naming]
    return quantiles(union(patients), parts)


def entities(path: str, view: GoldView) -> pa.Array:
    """The distinct entities of a gold table; none where it does not exist."""
    if not delta.exists(path):
        return pa.array([], pa.string())
    return distinct_values(path, [f.path for f in changes.named_files(path)], view.join_key)


def _cut_days(files: Sequence[changes.NamedFile], parts: int) -> list[Cut]:
    """Days that cut the rows of some files into about equal parts, each file's rows spread evenly over its days."""
    rows: dict[date, float] = {}
    for file in files:
        low, high = file.low.get(EVENT_TIME), file.high.get(EVENT_TIME)
        if low is None or high is None:
            continue
        n = (high.date() - low.date()).days + 1
        for i in range(n):
            day = low.date() + timedelta(days=i)
            rows[day] = rows.get(day, 0.0) + file.rows / n
    ordered = sorted(rows)
    if not ordered:
        return []
    up_to = np.cumsum([rows[day] for day in ordered])
    # A day begins a stretch once those before it hold their part.
    places = np.searchsorted(up_to, up_to[-1] * np.arange(1, parts) / parts, side="right")
    return [ordered[i] for i in sorted(set(places.tolist())) if 0 < i < len(ordered)]
