"""What the runs of a lake still need, and that nothing is told where it cannot be known."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra.errors import MachineError
from infra.lake import Lake
from training.lineage import Lineage
from training.pins import pinned_versions
from training.task import Task
from training.tracking import Tracker

pytestmark = pytest.mark.slow

TASK = cast(
    "Task", SimpleNamespace(name="t", question="q", cohort="c", prediction_time="p", horizon="h", primary_metric="m")
)
TAGS = {"model": "cox"}


def lineage(gold: int, silver: int) -> Lineage:
    nothing: tuple[Any, ...] = ()
    return Lineage("t", "s_v1", "d", "e" * 64, {"course": gold}, {"outcome": silver}, nothing, nothing, nothing, {})


def test_every_run_that_was_not_deleted_pins_its_versions(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    assert pinned_versions(lake) == {}
    assert list(tmp_path.iterdir()) == []  # asking makes nothing
    tracker = Tracker(lake)
    for gold, silver in ((0, 2), (4, 2), (7, 9)):
        with tracker.recording(TASK, "run", TAGS) as recorder:
            recorder.lineage(lineage(gold, silver))
    tracker.client.delete_run(recorder.run_id)
    with pytest.raises(RuntimeError), tracker.recording(TASK, "failed", TAGS) as recorder:
        recorder.lineage(lineage(5, 2))
        raise RuntimeError
    with pytest.raises(RuntimeError), tracker.recording(TASK, "failed before it had data", TAGS):
        raise RuntimeError
    assert pinned_versions(lake) == {lake.gold("course"): {0, 4, 5}, lake.silver("outcome"): {2}}
    # A finished run of which nothing is known might need anything.
    with tracker.recording(TASK, "mute", TAGS):
        pass
    with pytest.raises(MachineError, match="is finished and names no table versions"):
        pinned_versions(lake)
