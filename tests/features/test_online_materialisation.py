"""However a lake's history came about, what is online after a materialisation is the as-of join at its end."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import deltalake
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.online.audit import known_rows
from features.online.backend import Backend
from features.online.reading import OnlineReader, OnlineRow, PackedRows
from features.online.rows import entities_of
from features.online.sqlite_rows import SqliteBackend
from features.online.state import Materialised, state_of
from features.store.materialisation import materialise_view
from features.store.repository import get_online, materialize
from features.tables import VIEWS
from infra.errors import UsageError
from infra.lake import Lake
from tests.features.gold_lake import day, story, write_gold

VIEW = VIEWS["burden"]
ENTITIES = ("a", "b", "c", "d")
SCHEMA = pa.schema(
    [
        pa.field("patient_id", pa.string()),
        *(pa.field(name, pa.timestamp("us", tz="UTC")) for name in ("event_time", "known_time")),
        pa.field("tmb_cbioportal_per_mb", pa.float64()),
        pa.field("file_ids", pa.list_(pa.string())),
    ]
)

Row = tuple[str | None, int, int | None, float]
"""entity, event, known, value; times in days."""


class Killed(Exception):
    """The process ended here."""


class Mortal:
    """A backend whose process is killed after some rows were written."""

    def __init__(self, inner: Backend, rows: int) -> None:
        self._inner, self._left = inner, rows

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, view: str, rows: Sequence[tuple[bytes, bytes, bytes]]) -> None:
        some = rows[: self._left]
        self._left -= len(some)
        self._inner.write(view, some)
        if len(some) < len(rows):
            raise Killed

    def remove(self, view: str, keys: Sequence[bytes]) -> None:
        if not self._left:
            raise Killed
        self._inner.remove(view, keys)


class Slow:
    """A backend that says so after each write, and takes its time."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def write(self, view: str, rows: Sequence[tuple[bytes, bytes, bytes]]) -> None:
        self._inner.write(view, rows)
        sys.stdout.write("written\n")
        sys.stdout.flush()
        time.sleep(0.005)


class Story:
    """A gold table that changes, and an online store that follows it."""

    def __init__(self, folder: Path) -> None:
        self.lake = Lake.at(folder)
        self.rows: list[Row] = []
        self.backend = SqliteBackend(str(folder / "online.db"), "test")
        self.write([], "overwrite")

    @staticmethod
    def at(folder: Path) -> "Story":
        """One that is there already, as another process finds it."""
        it = Story.__new__(Story)
        it.lake = Lake.at(folder)
        it.backend = SqliteBackend(str(folder / "online.db"), "test")
        return it

    def write(self, rows: list[Row], mode: Any) -> None:
        self.rows = rows if mode == "overwrite" else [*self.rows, *rows]
        table = pa.Table.from_pylist(
            [
                {
                    "patient_id": entity,
                    "event_time": day(event),
                    "known_time": None if known is None else day(known),
                    "tmb_cbioportal_per_mb": value,
                }
                for entity, event, known, value in rows
            ],
            schema=SCHEMA,
        )
        deltalake.write_deltalake(self.lake.gold(VIEW.name), table, mode=mode)

    def materialise(self, end: int, backend: Backend | None = None, **options: Any) -> Materialised:
        table = deltalake.DeltaTable(self.lake.gold(VIEW.name))
        rows = PackedRows(backend or self.backend)
        return materialise_view(rows, VIEW, table, table.version(), day(end), chunk=2, **options)

    def online(self) -> dict[str, tuple[datetime, datetime, object]]:
        """Every row that is online, whoever it belongs to."""
        keys = [key for batch in self.backend.stamps(VIEW.name) for key, _ in batch]
        entities = entities_of(keys, VIEW.join_key).to_pylist()
        rows = OnlineReader(self.backend).stored(VIEW.name, entities)
        return {
            entity: (row.event, row.known, row.values["tmb_cbioportal_per_mb"])
            for entity, row in zip(entities, rows, strict=True)
            if row is not None
        }

    def expected(self, end: int) -> dict[str, tuple[datetime, datetime, object]]:
        """By looking at every row of every entity; of rows that differ in value alone, what the as-of join takes."""
        found: dict[str, tuple[datetime, datetime, object]] = {}
        for entity in ENTITIES:
            usable = [r for r in self.rows if r[0] == entity and r[2] is not None and r[1] <= end and r[2] <= end]
            if usable:
                event, known = max((e, k) for _, e, k, _ in usable if k is not None)
                values = [v for _, e, k, v in usable if (e, k) == (event, known)]
                (joined,) = known_rows(deltalake.DeltaTable(self.lake.gold(VIEW.name)), VIEW, [entity], day(end))
                assert isinstance(joined, OnlineRow)
                assert joined.values["tmb_cbioportal_per_mb"] in values
                found[entity] = (day(event), day(known), joined.values["tmb_cbioportal_per_mb"])
        return found

    def close(self) -> None:
        self.backend.close()


_ROW = st.tuples(
    st.sampled_from([*ENTITIES, None]),
    st.integers(0, 9),
    st.none() | st.integers(0, 9),
    st.sampled_from([1.0, 2.0, 3.0]),
)
_ROWS = st.lists(_ROW, max_size=8)
_STEP = st.one_of(
    st.tuples(st.just("append"), _ROWS),
    st.tuples(st.just("overwrite"), _ROWS),
    st.tuples(st.just("materialise"), st.integers(0, 10)),
    st.tuples(st.just("killed"), st.tuples(st.integers(0, 10), st.integers(0, 2))),
    st.tuples(st.just("whole"), st.integers(0, 10)),
)


@pytest.mark.slow
@settings(max_examples=150)
@given(st.lists(_STEP, min_size=2, max_size=8), st.integers(0, 10))
def test_online_is_the_as_of_join_at_the_end_whatever_happened_before(steps: list[Any], last: int) -> None:
    with TemporaryDirectory() as folder:
        it = Story(Path(folder))
        for kind, given_ in [*steps, ("materialise", last)]:
            if kind in ("append", "overwrite"):
                if given_ or kind == "overwrite":
                    it.write(given_, kind)
            elif kind == "killed":
                end, after = given_
                try:
                    it.materialise(end, Mortal(it.backend, after))
                except Killed:
                    continue
            else:
                done = it.materialise(given_, whole=kind == "whole")
                assert it.online() == it.expected(given_)
                assert done.entities == len(it.online())
                if kind == "materialise":
                    again = it.materialise(given_)
                    assert (again.mode, again.written, again.removed) == ("difference", 0, 0)
        it.close()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Story]:
    it = Story(tmp_path)
    yield it
    it.close()


def test_only_what_became_usable_is_written(told: Story) -> None:
    told.write([("a", 1, 1, 1.0), ("b", 1, 6, 2.0), ("c", 2, 3, 1.0), ("c", 1, 7, 9.0)], "append")
    first = told.materialise(5)
    assert (first.mode, first.written, first.entities) == ("everything", 2, 2)
    then = told.materialise(8)
    # b was reported on day 6; what came of c on day 7 is older than what was known of it.
    assert (then.mode, then.written, then.removed, then.entities) == ("difference", 1, 0, 3)
    assert (then.newest_event, then.newest_known) == (day(2), day(6))
    assert told.online() == told.expected(8)


def test_a_correction_of_the_same_event_is_taken_over_and_what_a_rebuild_drops_goes(told: Story) -> None:
    told.write([("a", 1, 1, 1.0), ("b", 1, 1, 2.0), ("c", 1, 1, 3.0)], "append")
    told.materialise(2)
    told.write([("a", 1, 1, 1.0), ("b", 1, 1, 5.0), ("d", 0, 2, 4.0)], "overwrite")
    done = told.materialise(2)
    assert (done.mode, done.written, done.removed) == ("everything", 2, 1)
    assert {k: v[2] for k, v in told.online().items()} == {"a": 1.0, "b": 5.0, "d": 4.0}


def test_the_state_is_written_last(told: Story) -> None:
    told.write([("a", 1, 1, 1.0), ("b", 1, 1, 2.0), ("c", 1, 1, 3.0)], "append")
    with pytest.raises(Killed):
        told.materialise(2, Mortal(told.backend, 1))
    assert state_of(told.backend, VIEW.name) is None
    told.materialise(2)
    state = state_of(told.backend, VIEW.name)
    assert state is not None
    assert (state.done.end, state.done.entities) == (day(2), 3)


CHILD = """
import sys
from features.online.reading import PackedRows
from tests.features.test_online_materialisation import Slow, Story
from pathlib import Path
it = Story.at(Path(sys.argv[1]))
it.materialise(int(sys.argv[2]), Slow(it.backend))
"""


@pytest.mark.slow
def test_a_run_that_was_killed_is_completed_by_the_next(tmp_path: Path) -> None:
    it = Story(tmp_path)
    names = [f"p{i:03d}" for i in range(200)]
    it.write([(name, 1, 1, 1.0) for name in names] + [(name, 2, 8, 2.0) for name in names], "append")
    it.materialise(5)
    for end, after in ((9, 20), (9, 60), (4, 10)):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(tmp_path), str(end)],
            stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert child.stdout is not None
        for _ in range(after // 2):
            assert child.stdout.readline() == b"written\n"
        child.kill()
        child.wait()
        child.stdout.close()
    values = [value for _, _, value in it.online().values()]
    assert 0 < values.count(2.0) < len(names)
    state = state_of(it.backend, VIEW.name)
    assert state is not None and state.done.end == day(5)
    for end, value in ((6, 1.0), (9, 2.0)):
        it.materialise(end)
        assert {k: v[2] for k, v in it.online().items()} == dict.fromkeys(names, value)
    it.close()


def test_an_end_in_the_future_is_refused(told: Story) -> None:
    with pytest.raises(UsageError, match="lies in the future"):
        told.materialise((datetime.now(day(0).tzinfo) - day(0)).days + 2)


def test_chunks_are_reported_and_make_no_difference(told: Story) -> None:
    told.write([(name, 1, 1, 1.0) for name in ENTITIES] + [("a", 1, 1, 2.0)], "append")
    seen: list[tuple[int, int]] = []
    told.materialise(2, reached=lambda done, total: seen.append((done, total)))
    assert seen == [(2, 4), (4, 4)]
    assert told.online() == told.expected(2)


def test_what_is_not_known_yet_is_not_answered_even_where_it_is_online(tmp_path: Path) -> None:
    lake = story(tmp_path)
    materialize(lake, day(40))
    mgmt = "clinical_profile__mgmt_percent"
    seen: Callable[[float], list[bool]] = lambda n: (  # noqa: E731
        get_online(lake, "overall_survival_v1", [{"patient_id": "a"}], now=day(n))[mgmt].notna().tolist()
    )
    assert [seen(19.9), seen(20)] == [[False], [True]]


def test_values_expire_to_the_microsecond(tmp_path: Path) -> None:
    lake = story(tmp_path)
    materialize(lake, day(1))
    expiry = day(0) + timedelta(minutes=15)
    with OnlineReader.open(lake) as reader:
        for late, expected in ((timedelta(0), 70.0), (timedelta(microseconds=1), None)):
            assert reader.get("hypotension_v1", ["op"], now=expiry + late)["vital_window__map_mmhg"] == [expected]


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    lake = story(tmp_path)
    with pytest.raises(UsageError, match="run `oncolake features materialize` first"):
        get_online(lake, "overall_survival_v1", [{"patient_id": "a"}])
    materialize(lake, day(1))
    with pytest.raises(UsageError, match="no column patient_id"):
        get_online(lake, "overall_survival_v1", [{"case_id": "a"}])
    with pytest.raises(UsageError, match="no feature service survival"):
        get_online(lake, "survival", [{"patient_id": "a"}])
    with pytest.raises(UsageError, match="expected sqlite, redis://HOST:PORT/0 or postgresql://"):
        materialize(lake, day(1), online="mysql://somewhere/else")


def test_a_table_built_before_a_feature_existed_has_null_for_it(told: Story) -> None:
    told.write([("a", 1, 1, 1.0)], "append")
    told.materialise(2)
    (row,) = OnlineReader(told.backend).stored(VIEW.name, ["a"])
    assert row is not None
    assert row.values == {f.name: None for f in VIEW.features} | {"tmb_cbioportal_per_mb": 1.0}


def test_a_view_of_another_packing_is_written_anew(told: Story) -> None:
    told.write([("a", 1, 1, 1.0)], "append")
    told.materialise(2)
    key = next(iter(told.backend.stamps(VIEW.name)))[0][0]
    from features.instants import to_microseconds
    from features.online.rows import Packing, stamped

    old = Packing([("tmb_cbioportal_per_mb", "double"), ("gone", "string")])
    PackedRows(told.backend).declare(old)
    body = old.pack([7.0, "x"])
    at = to_microseconds(day(1))
    told.backend.write(VIEW.name, [(key, stamped(at, at, old.fingerprint, body), body)])
    with_old = OnlineReader(told.backend)
    assert with_old.stored(VIEW.name, ["a"])[0].values == {"tmb_cbioportal_per_mb": 7.0, "gone": "x"}  # type: ignore[union-attr]
    assert told.materialise(2).written == 1
    assert told.online() == told.expected(2)


def test_gold_tables_may_be_appended_to_between_runs(tmp_path: Path) -> None:
    lake = story(tmp_path)
    materialize(lake, day(30))
    write_gold(
        lake, "clinical_profile",
        {"patient_id": "a", "event_time": day(25), "known_time": day(25), "karnofsky": 60.0, "file_ids": ["clinic-3"]},
    )  # fmt: skip
    done = materialize(lake, day(30))
    assert {name: d.written for name, d in done.items() if d.written} == {"clinical_profile": 1}
    got = get_online(lake, "overall_survival_v1", [{"patient_id": "a"}], now=day(30))
    assert got["clinical_profile__karnofsky"].tolist() == [60.0]
