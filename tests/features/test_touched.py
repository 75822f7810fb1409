"""Which patients, and which days of cases, new silver rows touch. No JVM."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest

from features.building.touched import LINKS, linked, touched
from features.tables import VIEWS
from infra import delta
from infra.lake import Lake
from infra.tables import TABLES
from tests.features.silver import day, fraction, specimen, table


class Silver:
    """A lake, and the versions of its tables as a view would record them."""

    def __init__(self, folder: Path, view: str) -> None:
        self.lake, self.view = Lake.at(folder), VIEWS[view]
        self.seen = self.versions()

    def versions(self) -> dict[str, int | None]:
        return {name: delta.version(self.lake.silver(name)) for name in self.view.inputs}

    def add(self, name: str, *rows: dict[str, Any]) -> None:
        deltalake.write_deltalake(self.lake.silver(name), table(name, *rows), mode="append")

    def touched(self) -> list[Any] | None:
        """What was touched since this was asked before."""
        until = self.versions()
        found = touched(self.lake, self.view, self.seen, until)
        self.seen = until
        rows = None if found is None else found.keys.to_pylist()
        return (
            rows if rows is None else sorted(tuple(r.values()) if len(r) > 1 else r[self.view.join_key] for r in rows)
        )


def result(sample: str, **more: Any) -> dict[str, Any]:
    return {"sample_id": sample, "analyte": "IL6", "plate_id": "plate", **more}


def test_results_touch_whoever_the_sample_is_or_was_of(tmp_path: Path) -> None:
    silver = Silver(tmp_path, "cytokine_kinetics")
    silver.add("specimen", specimen("s", "p", 0), specimen("t", "q", 0))
    assert silver.touched() == ["p", "q"]
    silver.add("cytokine_result", result("s"))
    assert silver.touched() == ["p"]
    silver.add("cytokine_result", result("late"), {**result("control"), "sample_id": None})
    assert silver.touched() == []  # waits for its specimen
    silver.add("specimen", specimen("late", "r", 0))
    assert silver.touched() == ["r"]
    silver.add("specimen", specimen("s", "q", 0, known=9))
    assert silver.touched() == ["p", "q"]  # changed hands
    silver.add("cytokine_result", result("s"))
    assert silver.touched() == ["p", "q"]
    silver.add("treatment", fraction("r", 3))
    assert silver.touched() == ["r"]
    assert silver.touched() == []


def test_a_series_touches_who_was_measured_in_it(tmp_path: Path) -> None:
    silver = Silver(tmp_path, "imaging_measures")
    silver.add("imaging_measurement", {"patient_id": "p", "series_uid": "u", "region_uid": "r", "measure": "Volume"})
    assert silver.touched() == ["p"]
    silver.add("imaging_series", {"patient_id": "q", "series_uid": "u", "event_time": 0, "known_time": 0})
    assert silver.touched() == ["p", "q"]
    links = linked(silver.lake, silver.view, silver.versions(), pa.array(["p"]))
    assert links["series_uid"].to_pylist() == ["u"]


def test_a_value_touches_its_day_and_the_next_where_an_hour_reaches_it(tmp_path: Path) -> None:
    silver = Silver(tmp_path, "vital_window")
    for case, minutes in (("a", 12 * 60), ("b", 23 * 60 + 30), ("c", 24 * 60 - 1)):
        at = day(0) + timedelta(minutes=minutes)
        silver.add("vital_sign", {"case_id": case, "signal": "MAP", "value": 70.0, "event_time": at, "known_time": at})
    first, second = date(2026, 3, 1), date(2026, 3, 2)
    assert silver.touched() == [("a", first), ("b", first), ("b", second), ("c", first), ("c", second)]


def test_care_touches_nothing_and_what_cannot_be_told_is_said(tmp_path: Path) -> None:
    silver = Silver(tmp_path, "treatment_times")
    silver.add("treatment", fraction("p", 1))
    silver.add("treatment", fraction("q", 1))
    assert silver.touched() == ["p", "q"]
    stored = deltalake.DeltaTable(silver.lake.silver("treatment"))
    stored.optimize.compact()
    assert silver.touched() == []
    stored.delete("patient_id = 'p'")
    assert silver.touched() is None


@pytest.mark.parametrize("view", VIEWS.values(), ids=lambda v: v.name)
def test_every_input_leads_to_the_entity(view: Any) -> None:
    for name in view.inputs:
        columns = {c.name for c in TABLES[name].all_columns}
        if view.looks_back is not None:
            assert {view.join_key, "event_time"} <= columns
            # Versions of a value lie in one day of one case.
            assert {view.join_key, "event_time"} <= set(TABLES[name].key)
        elif "patient_id" not in TABLES[name].key:
            links = [link for link in LINKS if link in columns]
            # One link, in the key: all versions of a row are found by it.
            assert len(links) == 1
            assert links[0] in TABLES[name].key
