"""The audit finds each kind of thing that can be wrong online, and says nothing where nothing is."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from features.instants import to_microseconds
from features.online.audit import Audit, audit, compare, fault_of, sampled
from features.online.backend import Backend, connect
from features.online.reading import NAMESPACE, OnlineRow, online_url, packing_of
from features.online.rows import entity_key, stamped
from features.store.repository import materialize
from infra.errors import UsageError
from infra.lake import Lake
from tests.features.gold_lake import day, story, write_gold

VIEW = "clinical_profile"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """Filled as of day 30, when all was known."""
    made = story(tmp_path)
    materialize(made, day(30))
    return made


@pytest.fixture
def online(lake: Lake) -> Iterator[Backend]:
    backend = connect(online_url(lake), NAMESPACE)
    yield backend
    backend.close()


def row(event: float, known: float, **values: Any) -> OnlineRow:
    return OnlineRow(day(event), day(known), values)


def plant(online: Backend, patient: str, event: datetime, known: datetime, **values: Any) -> None:
    packing = packing_of(VIEW)
    body = packing.pack([values.get(name) for name in packing.names])
    stamp = stamped(to_microseconds(event), to_microseconds(known), packing.fingerprint, body)
    online.write(VIEW, [(entity_key("patient_id", patient), stamp, body)])


def of(found: Audit, name: str = VIEW) -> Any:
    return next(view for view in found.views if view.view == name)


@pytest.mark.parametrize(
    ("ours", "expected", "fault"),
    [
        (None, None, None),
        (row(1, 2, x=1.0), row(1, 2, x=1.0), None),
        (row(1, 2, x=float("nan"), a=[1.0, None]), row(1, 2, x=float("nan"), a=[1.0, None]), None),
        (None, row(1, 2, x=1.0), "missing"),
        (row(1, 2, x=1.0), row(1, 3, x=1.0), "stale"),
        (row(0, 2, x=1.0), row(1, 1, x=1.0), "stale"),
        (row(1, 2, x=1.0), row(1, 2, x=1.5), "wrong value"),
        (row(1, 2, x=1.0), row(1, 2, x=None), "wrong value"),
        (row(1, 2, x=1.0), row(1, 2, x=float("nan")), "wrong value"),
        (row(1, 2, x=True), row(1, 2, x=1), "wrong value"),
        (row(1, 11, x=1.0), row(1, 2, x=1.0), "known later"),
        (row(11, 11, x=1.0), None, "known later"),
        (row(1, 2, x=1.0), None, "not expected"),
        (row(3, 3, x=1.0), row(1, 2, x=1.0), "not expected"),
    ],
)
def test_faults(ours: OnlineRow | None, expected: OnlineRow | None, fault: str | None) -> None:
    assert fault_of(ours, expected, day(10)) == fault


def test_differences_are_counted_by_fault_and_by_feature() -> None:
    found = compare(
        [row(1, 1, x=1.0, y=2.0), None, row(1, 1, x=1.0, y=2.0)],
        [row(1, 1, x=1.0, y=3.0), row(1, 1, x=5.0, y=None), row(1, 1, x=1.0, y=2.0)],
        day(10),
    )
    assert (found.entities, found.differences) == (3, 2)
    assert found.faults == {"wrong value": 1, "missing": 1}
    assert found.features == {"y": 1, "x": 1}


def test_a_store_as_filled_is_right(lake: Lake) -> None:
    found = audit(lake, now=day(31))
    assert found.is_consistent
    assert all(view.then and not view.then.differences and not view.now.differences for view in found.views)
    view = of(found)
    assert (view.end, view.version, view.pinned, view.then.entities) == (day(30), 0, True, 2)
    assert (view.newest_event, view.newest_known) == (day(5), day(20))
    assert view.age(view.newest_known) == timedelta(days=11)


def test_a_missing_row_is_found(lake: Lake, online: Backend) -> None:
    online.remove(VIEW, [entity_key("patient_id", "b")])
    found = audit(lake, now=day(31))
    assert not found.is_consistent
    assert of(found).then.faults == {"missing": 1}
    assert of(found).then.features == {"karnofsky": 1, "is_female": 1, "n_fractions_given": 1}


def test_a_stale_row_is_found(lake: Lake, online: Backend) -> None:
    plant(online, "a", day(0), day(0), karnofsky=90.0, is_female=True, n_fractions_given=0)
    found = audit(lake, now=day(31))
    assert of(found).then.faults == {"stale": 1}
    assert of(found).then.features == {"mgmt_percent": 1, "is_mgmt_methylated": 1}


def test_a_wrong_value_is_found(lake: Lake, online: Backend) -> None:
    plant(online, "b", day(1), day(1), karnofsky=71.0, is_female=False, n_fractions_given=2)
    found = audit(lake, now=day(31))
    assert of(found).then.faults == {"wrong value": 1}
    assert of(found).then.features == {"karnofsky": 1}


def test_a_row_that_was_known_later_is_found(lake: Lake, online: Backend) -> None:
    plant(online, "b", day(1), day(35), karnofsky=70.0, is_female=False, n_fractions_given=2)
    found = audit(lake, now=day(31))
    assert of(found).then.faults == {"known later": 1}
    assert of(found).then.features == {}


def test_a_row_of_nobody_is_found(lake: Lake, online: Backend) -> None:
    plant(online, "stranger", day(1), day(1), karnofsky=70.0)
    found = audit(lake, now=day(31))
    assert of(found).then.faults == {"not expected": 1}
    assert of(found).then.entities == 3


def test_that_more_is_known_by_now_is_no_fault(lake: Lake) -> None:
    write_gold(lake, VIEW, {"patient_id": "b", "event_time": day(32), "known_time": day(33), "karnofsky": 50.0})
    found = audit(lake, now=day(40))
    assert found.is_consistent
    assert of(found).now.faults == {"stale": 1}
    assert (of(found).version, of(found).newest_version) == (0, 1)
    materialize(lake, day(40))
    assert not of(audit(lake, now=day(40))).now.differences


def test_a_view_that_was_never_filled_is_not_right(tmp_path: Path) -> None:
    lake = story(tmp_path)
    found = audit(lake, service="hypotension_v1", now=day(31))
    assert not found.is_consistent
    assert (found.views[0].end, found.views[0].now.faults) == (None, {"missing": 1})


def test_the_sample_is_the_same_for_the_same_seed() -> None:
    everyone = [f"p{i}" for i in range(1000)]
    assert sampled(everyone, 10, "1") == sampled(reversed(everyone), 10, "1")
    assert sampled(everyone, 10, "1") != sampled(everyone, 10, "2")
    assert sampled(everyone, 5000, "1") == sorted(everyone)


def test_what_cannot_be_audited_is_said(lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no feature service survival"):
        audit(lake, service="survival")
    with pytest.raises(UsageError, match="expected at least 1"):
        audit(lake, entities=0)
    with pytest.raises(UsageError, match="oncolake features build"):
        audit(Lake.at(tmp_path / "empty"))


def test_the_command_ends_with_one_where_the_store_is_wrong(lake: Lake, online: Backend) -> None:
    from oncolake.cli import app

    right = CliRunner().invoke(app, ["features", "audit", "--lake", lake.root, "--json"])
    assert right.exit_code == 0, right.output
    told = json.loads(right.output)
    assert told["is_consistent"]
    assert told["views"][VIEW]["then"] == {"entities": 2, "differences": 0, "faults": {}, "features": {}}
    assert told["views"][VIEW]["seconds_since"]["newest_event"] > told["views"][VIEW]["seconds_since"]["end"]

    plant(online, "b", day(1), day(1), karnofsky=71.8125, is_female=False, n_fractions_given=2)
    for options in ([], ["--json"], ["--service", "overall_survival_v1", "--entities", "1000"]):
        wrong = CliRunner().invoke(app, ["features", "audit", "--lake", lake.root, *options])
        assert wrong.exit_code == 1
        assert "karnofsky" in wrong.output
        assert "71.8125" not in wrong.output
