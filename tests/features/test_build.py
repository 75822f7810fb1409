"""Building gold from silver: once, and again only when something changed."""

from pathlib import Path
from typing import Any

import deltalake
import pytest

from features.building import layout
from features.building.build import BuiltView, build_gold
from infra import changes
from infra.errors import UsageError
from infra.lake import Lake
from tests.features.silver import fraction, specimen, table
from tests.features.test_gold_vitals import value
from tests.ingestion.lakes import no_session


def burden(sample: str, per_mb: float) -> dict[str, Any]:
    return {
        "sample_id": sample,
        "definition": "tmb.maftools/50Mb",
        "n_counted": 9,
        "tmb_per_mb": per_mb,
        "reporting_delay_days": 21.0,
    }


def files(lake: Lake) -> set[str]:
    return {str(p) for p in Path(lake.root, "gold").rglob("*") if p.is_file()}


@pytest.mark.slow
def test_a_second_build_writes_nothing_and_a_change_writes_a_version(spark: Any, tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    deltalake.write_deltalake(lake.silver("specimen"), table("specimen", specimen("t", "p", 0)))
    deltalake.write_deltalake(lake.silver("mutational_burden"), table("mutational_burden", burden("t", 1.0)))

    done: list[str] = []
    first = build_gold(lambda: spark, lake, ["burden", "clinical_profile"], progress=done.append)
    assert sorted(done) == ["burden", "clinical_profile"]  # two views are built at a time
    assert {name: (v.rows, v.is_new) for name, v in first.items()} == {
        "burden": (1, True),
        "clinical_profile": (0, True),
    }
    before = files(lake)

    again = build_gold(lambda: spark, lake, ["burden", "clinical_profile"])
    assert {name: (v.version, v.is_new) for name, v in again.items()} == {
        name: (v.version, False) for name, v in first.items()
    }
    assert files(lake) == before

    deltalake.write_deltalake(
        lake.silver("mutational_burden"), table("mutational_burden", burden("u", 2.0)), mode="append"
    )
    deltalake.write_deltalake(lake.silver("specimen"), table("specimen", specimen("u", "q", 1)), mode="append")
    third = build_gold(lambda: spark, lake, ["burden", "clinical_profile"])
    version = first["burden"].version + 1
    assert third["burden"] == BuiltView(version, 2, True, "incremental", entities=1, rows_written=2)
    assert third["clinical_profile"] == again["clinical_profile"]
    old = deltalake.DeltaTable(lake.gold("burden"), version=first["burden"].version)
    assert old.to_pyarrow_table()["tmb_maftools_per_mb"].to_pylist() == [1.0]


@pytest.mark.slow
def test_results_that_wait_for_their_specimen_write_no_rows_and_are_found_when_it_comes(
    spark: Any, tmp_path: Path
) -> None:
    lake = Lake.at(tmp_path)

    def add(session: Any, name: str, row: dict[str, Any]) -> BuiltView:
        deltalake.write_deltalake(lake.silver(name), table(name, row), mode="append")
        return build_gold(session, lake, ["burden"])["burden"]

    deltalake.write_deltalake(lake.silver("specimen"), table("specimen", specimen("t", "p", 0)))
    assert add(lambda: spark, "mutational_burden", burden("t", 1.0)).how == "full"
    # Nothing to compute: no JVM is asked for.
    waiting = add(no_session, "mutational_burden", burden("u", 2.0))
    assert (waiting.how, waiting.entities, waiting.rows, waiting.rows_written) == ("incremental", 0, 1, 0)
    found = add(lambda: spark, "specimen", specimen("u", "q", 1))
    assert (found.how, found.entities, found.rows) == ("incremental", 1, 2)
    # The sample changes hands: both patients are touched, which is all of them, and the table is built whole.
    moved = add(lambda: spark, "specimen", specimen("u", "p", 1, known=30, file_id="correction"))
    assert (moved.how, moved.entities) == ("full", 2)


@pytest.mark.slow
def test_files_hold_stretches_and_only_those_that_are_touched_are_written(
    spark: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake.at(tmp_path)
    monkeypatch.setattr(layout, "FILE_BYTES", 1)
    monkeypatch.setattr(layout, "MOST_FILES", 3)
    patients = [f"p{i}" for i in range(9)]
    deltalake.write_deltalake(lake.silver("treatment"), table("treatment", *(fraction(p, 10) for p in patients)))
    values = [value(1440 * d + m, "MAP", 70 + d, case_id=c) for d in range(6) for m in range(3) for c in "ab"]
    deltalake.write_deltalake(lake.silver("vital_sign"), table("vital_sign", *values))
    views = ["treatment_times", "vital_window"]
    build_gold(lambda: spark, lake, views)

    def spans(view: str, column: str) -> dict[tuple[Any, Any], str]:
        files = changes.named_files(lake.gold(view))
        return {(f.low[column], f.high[column]): f.path for f in sorted(files, key=lambda f: f.low[column])}

    before = spans("treatment_times", "patient_id"), spans("vital_window", "event_time")
    assert list(before[0]) == [("p0", "p2"), ("p3", "p5"), ("p6", "p8")]
    assert [(a.day, b.day) for a, b in before[1]] == [(1, 2), (3, 4), (5, 6)]

    deltalake.write_deltalake(lake.silver("treatment"), table("treatment", fraction("p4", 12)), mode="append")
    late = value(1440 * 2 + 5, "MAP", 60, case_id="a", known=9000)
    deltalake.write_deltalake(lake.silver("vital_sign"), table("vital_sign", late), mode="append")
    built = build_gold(lambda: spark, lake, views)
    assert [b.how for b in built.values()] == ["incremental", "incremental"]
    after = spans("treatment_times", "patient_id"), spans("vital_window", "event_time")
    for was, now in zip(before, after, strict=True):
        assert list(was.values())[::2] == list(now.values())[::2]
        assert list(was.values())[1] != list(now.values())[1]


def test_a_view_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no feature view burdens; the views are clinical_profile"):
        build_gold(None, Lake.at(tmp_path), ["burdens"])  # type: ignore[arg-type]
