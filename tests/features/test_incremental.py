"""Incremental builds come to the rows of a full build, whatever is committed in which order."""

import math
from pathlib import Path
from typing import Any

import deltalake
import pytest

from features.building.build import build_gold, gold_rows
from features.tables import VIEWS
from features.view import GoldView
from infra import delta
from infra.lake import Lake
from infra.tables import TABLES
from tests.features.silver_story import commits

pytestmark = pytest.mark.slow


def rows(records: list[dict[str, Any]], view: GoldView) -> list[dict[str, Any]]:
    times = ("known_time", "event_time")
    plain = [{k: v.replace(tzinfo=None) if k in times else v for k, v in r.items()} for r in records]
    return sorted(plain, key=lambda r: (r[view.join_key], r["known_time"], r["event_time"]))


def stored(lake: Lake, view: GoldView) -> list[dict[str, Any]]:
    return rows(deltalake.DeltaTable(lake.gold(view.name)).to_pyarrow_table().to_pylist(), view)


def built_whole(spark: Any, lake: Lake, view: GoldView) -> list[dict[str, Any]]:
    silver = {
        name: delta.read(spark, lake.silver(name))
        if delta.exists(lake.silver(name))
        else spark.createDataFrame([], TABLES[name].ddl())
        for name in view.inputs
    }
    return rows([r.asDict() for r in gold_rows(view, silver).collect()], view)


def agree(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) or (math.isnan(a) and math.isnan(b))
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(agree, a, b))
    if hasattr(a, "tzinfo") and hasattr(b, "tzinfo"):
        return bool(a.replace(tzinfo=None) == b.replace(tzinfo=None))
    return bool(a == b)


_SEEDS = {"tumour_markers": 9}
"""Where the usual story has no news for a view in one of its commits."""
STORIES = [*((name, _SEEDS.get(name, 7), 3) for name in VIEWS), ("olink_profile", 11, 5), ("vital_window", 11, 5)]
"""View, seed and number of commits. In three commits every view has late specimens, corrections and new patients."""


@pytest.mark.parametrize(("name", "seed", "n"), STORIES, ids=str)
def test_incremental_is_full_row_for_row(spark: Any, tmp_path: Path, name: str, seed: int, n: int) -> None:
    lake, view = Lake.at(tmp_path), VIEWS[name]
    hows, expected = [], []
    for number, commit in enumerate(commits(seed, n)):
        for table, rows_of in commit.items():
            if table in view.inputs:
                deltalake.write_deltalake(lake.silver(table), rows_of, mode="append")
        if number == 1:
            # Care of silver moves rows into other files, and is nothing new.
            for table in set(commit) & set(view.inputs):
                deltalake.DeltaTable(lake.silver(table)).optimize.compact()
        built = build_gold(lambda: spark, lake, [name], most_touched=1.0)[name]
        hows.append(built.how)
        expected.append("full" if number == 0 else "incremental" if set(commit) & set(view.inputs) else "unchanged")
    assert hows == expected
    assert hows.count("incremental") >= 2
    mine, theirs = stored(lake, view), built_whole(spark, lake, view)
    assert len(mine) == len(theirs) == built.rows
    assert mine
    for a, b in zip(mine, theirs, strict=True):
        assert [column for column in view.columns if not agree(a[column], b[column])] == []
    assert build_gold(None, lake, [name])[name].how == "unchanged"  # type: ignore[arg-type]
