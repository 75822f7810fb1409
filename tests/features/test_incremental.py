"""Incremental builds come to the rows of a full build, whatever is committed in which order."""

import math
from pathlib import Path
from typing import Any

import deltalake
import pytest

from features.build import build_gold, gold_rows
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


@pytest.mark.parametrize("seed", [1, 2])
def test_incremental_is_full_row_for_row(spark: Any, tmp_path: Path, seed: int) -> None:
    lake = Lake.at(tmp_path)
    hows: list[str] = []
    for number, commit in enumerate(commits(seed, 4)):
        for name, table in commit.items():
            deltalake.write_deltalake(lake.silver(name), table, mode="append")
        if number == 2 and delta.exists(lake.silver("vital_sign")):
            deltalake.DeltaTable(lake.silver("vital_sign")).optimize.compact()
        built = build_gold(lambda: spark, lake, most_touched=1.0)
        assert {b.how for b in built.values()} <= ({"full"} if number == 0 else {"incremental", "unchanged"})
        hows += [b.how for b in built.values()]
    assert hows.count("incremental") > len(VIEWS)
    for view in VIEWS.values():
        mine, theirs = stored(lake, view), built_whole(spark, lake, view)
        assert len(mine) == len(theirs), view.name
        for a, b in zip(mine, theirs, strict=True):
            wrong = [name for name in view.columns if not agree(a[name], b[name])]
            assert not wrong, (view.name, wrong, a, b)
        assert built[view.name].rows == len(theirs)
    assert {b.how for b in build_gold(None, lake).values()} == {"unchanged"}  # type: ignore[arg-type]
