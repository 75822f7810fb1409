"""What starts runs by itself: sensor ticks over landing folders, over silver that moved on, and the night."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from oncolake.schedule.work import Workplace
from tests.oncolake.schedule.places import acting, land, later, place_at
from tests.oncolake.schedule.test_catalogue import build, vital_signs

dg = pytest.importorskip("dagster")


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return place_at(tmp_path)


class Sensor:
    """A sensor as the daemon runs it: the cursor is kept, partitions are added, a run key starts once."""

    def __init__(self, place: Workplace, name: str, instance: Any) -> None:
        from oncolake.schedule.define import define

        self.instance = instance
        self.repository = define(place).get_repository_def()
        self.sensor = self.repository.get_sensor_def(name)
        self.cursor: str | None = None
        self.started: set[str] = set()
        self.new: list[Any] = []

    def tick(self) -> str:
        """Why nothing was requested, or ''. What was requested and had not been before is in `new`."""
        with dg.build_sensor_context(
            instance=self.instance, cursor=self.cursor, repository_def=self.repository
        ) as context:
            told = self.sensor(context)
            self.cursor = context.cursor
        self.new = []
        if isinstance(told, dg.SkipReason):
            return str(told.skip_message)
        assert isinstance(told, dg.SensorResult)
        # An empty cursor in an answer leaves the old one.
        self.cursor = told.cursor or self.cursor
        for request in told.dynamic_partitions_requests or ():
            self.instance.add_dynamic_partitions(request.partitions_def_name, request.partition_keys)
        known = self.instance.get_dynamic_partitions(self.sensor.job_name.replace("ingest_", "") + "_deliveries")
        assert all(r.partition_key in known for r in told.run_requests if r.partition_key)
        self.new = [r for r in told.run_requests if r.run_key not in self.started]
        self.started |= {r.run_key for r in self.new}
        return told.skip_reason.skip_message if told.skip_reason else ""


@pytest.fixture
def landing(place: Workplace, instance: Any) -> Sensor:
    return Sensor(place, "landing_vitals", instance)


def test_each_delivery_gets_its_partition_and_its_run(landing: Sensor, place: Workplace) -> None:
    assert "0 files in 0 folders, and nothing new" in landing.tick()
    folder = place.schedule.landing / "paris" / "vitals"  # type: ignore[operator]
    land(folder / "Durand.csv")
    land(folder / "Marie.csv", at=later(1))
    land(folder.parent / "cytokine" / "plate.csv")
    landing.tick()
    assert [r.partition_key for r in landing.new] == ["paris/2024-03-28", "paris/2024-03-29"]
    assert landing.instance.get_dynamic_partitions("vitals_deliveries") == ["paris/2024-03-28", "paris/2024-03-29"]
    assert landing.tick() == "2 files in 1 folders, and nothing new."
    assert landing.new == []


def test_a_restart_starts_nothing_twice(landing: Sensor, place: Workplace, instance: Any) -> None:
    land(place.schedule.landing / "paris" / "vitals" / "a.csv")  # type: ignore[operator]
    landing.tick()
    # The daemon died after it had launched the run and before it wrote the cursor.
    again = Sensor(place, "landing_vitals", instance)
    again.started = landing.started
    again.tick()
    assert again.new == []
    assert again.cursor == landing.cursor


def test_a_file_that_is_being_written_waits(tmp_path: Path, instance: Any) -> None:
    place = place_at(tmp_path, settle_seconds=3600)
    land(place.schedule.landing / "paris" / "vitals" / "a.csv")  # type: ignore[operator]
    said = Sensor(place, "landing_vitals", instance).tick()
    assert said == "1 files in 1 folders, and nothing new; 1 may still be being written."


def test_nothing_that_the_sensor_says_holds_a_name(landing: Sensor, place: Workplace) -> None:
    land(place.schedule.landing / "paris" / "vitals" / "Durand" / "Marie.csv")  # type: ignore[operator]
    landing.tick()
    assert len(landing.new) == 1
    assert not any(name in repr(landing.new) + str(landing.cursor) for name in ("Durand", "Marie"))


def test_an_error_of_a_look_holds_no_path(landing: Sensor, place: Workplace, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> object:
        raise RuntimeError("/data/Durand/Marie.csv")

    monkeypatch.setattr("oncolake.schedule.triggers.look", broken)
    with pytest.raises(Exception, match="A defect of oncolake: RuntimeError") as raised:
        landing.tick()
    link: BaseException | None = raised.value
    while link is not None:
        assert "Durand" not in str(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def run_of(instance: Any, job: str, status: Any) -> str:
    run = instance.create_run_for_job(
        dg.Definitions(assets=[nothing], jobs=[dg.define_asset_job(job)]).resolve_job_def(job), status=status
    )
    return str(run.run_id)


@dg.asset
def nothing() -> None: ...


def test_gold_waits_for_ingestions_and_not_for_ever(place: Workplace, instance: Any) -> None:
    gold = Sensor(place, "gold", instance)
    assert gold.tick() == "Every feature table is up to date."
    vital_signs(place.lake, "a")
    run = run_of(instance, "ingest_vitals", dg.DagsterRunStatus.STARTED)
    assert gold.tick() == "1 feature tables wait for 1 ingestions."
    assert datetime.fromisoformat(gold.cursor or "") <= datetime.now(UTC)
    gold.cursor = (datetime.now(UTC) - timedelta(minutes=61)).isoformat()
    gold.tick()
    assert [r.asset_selection for r in gold.new] == [
        [dg.AssetKey(["gold", "vital_window"]), dg.AssetKey(["gold", "online_store"])]
    ]
    instance.delete_run(run)
    gold.tick()
    assert gold.new == []  # the same silver is asked for once
    vital_signs(place.lake, "b")
    gold.tick()
    assert len(gold.new) == 1
    run_of(instance, "build_gold", dg.DagsterRunStatus.NOT_STARTED)
    assert gold.tick() == "Feature tables are being built."
    build(place.lake, "vital_window")
    gold.cursor = datetime.now(UTC).isoformat()
    assert gold.tick() == "Every feature table is up to date."


def test_the_night_tries_again_what_failed(tmp_path: Path) -> None:
    from oncolake.schedule.define import define

    faults = [OSError(28, "No space left on device")]

    def act() -> None:
        if faults:
            raise faults.pop()

    place = acting(tmp_path, act, max_retries=0)
    definitions = define(place)
    (tmp_path / "home").mkdir()
    # A schedule's context takes an instance that lies on disk.
    instance = dg.DagsterInstance.local_temp(str(tmp_path / "home"))
    schedule = definitions.get_repository_def().get_schedule_def("nightly_retry_vitals")

    def night() -> Iterator[Any]:
        context = dg.build_schedule_context(
            instance=instance, scheduled_execution_time=datetime(2024, 4, 1, 2, 30, tzinfo=UTC),
            repository_def=definitions.get_repository_def(),
        )  # fmt: skip
        return iter(schedule.evaluate_tick(context).run_requests or ())

    assert list(night()) == []
    keys = ["paris/2024-03-28", "paris/2024-03-29"]
    instance.add_dynamic_partitions("vitals_deliveries", keys)
    job = definitions.resolve_job_def("ingest_vitals")
    done = [job.execute_in_process(instance=instance, partition_key=k, raise_on_error=False).success for k in keys]
    assert done == [False, True]
    assert [r.partition_key for r in night()] == ["paris/2024-03-28"]
