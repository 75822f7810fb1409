"""What a look at the folders asks for: each delivery once, again when it changes, and nothing that still waits."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from oncolake.schedule import watch
from oncolake.schedule.landing import Folder
from oncolake.schedule.watch import Look
from tests.oncolake.schedule.places import land, later


def keyed(text: str) -> str:
    return f"{abs(hash(text)):016x}"


def look(folders: list[Folder], cursor: str | None = None, most: int = 100, settle: float = 0) -> Look:
    return watch.look(folders, datetime.now(UTC), timedelta(seconds=settle), cursor, keyed, most)


def keys(seen: Look) -> list[str]:
    return [r.key for r in seen.requests]


@pytest.fixture
def paris(tmp_path: Path) -> Folder:
    folder = tmp_path / "paris"
    land(folder / "a.csv")
    land(folder / "b.csv", at=later(1))
    land(folder / "c.csv", at=later(40))
    return Folder("paris", "vitals", folder)


def test_deliveries_are_asked_for_once(paris: Folder) -> None:
    first = look([paris])
    assert keys(first) == ["paris/2024-03-28", "paris/2024-03-29", "paris/2024-05-07"]
    assert (first.files, first.waiting, first.is_whole) == (3, 0, True)
    again = look([paris], first.cursor)
    assert (keys(again), again.cursor) == ([], first.cursor)


def test_a_changed_file_asks_again_for_its_month_under_a_new_key_for_its_day(paris: Folder) -> None:
    first = look([paris])
    land(paris.path / "b.csv", "longer", at=later(1))
    second = look([paris], first.cursor)
    assert keys(second) == ["paris/2024-03-28", "paris/2024-03-29"]
    known = {r.run_key for r in first.requests}
    # The scheduler starts a run key once: only the day that changed is run.
    assert [r.key for r in second.requests if r.run_key not in known] == ["paris/2024-03-29"]


def test_a_file_that_is_being_written_is_counted_and_not_asked_for(paris: Folder) -> None:
    assert (keys(look([paris], settle=60)), look([paris], settle=60).waiting) == ([], 3)


def test_a_lost_or_foreign_cursor_asks_for_everything_under_the_same_keys(paris: Folder) -> None:
    first = look([paris])
    for cursor in (None, "", "no json", "[1]"):
        assert look([paris], cursor).requests == first.requests


def test_years_of_files_are_asked_for_over_several_looks(tmp_path: Path) -> None:
    folder = Folder("paris", "vitals", tmp_path)
    for month in range(6):
        for day in range(3):
            land(tmp_path / f"{month}-{day}.csv", at=later(31 * month + day - 20))
    asked: list[str] = []
    cursor: str | None = None
    looks = 0
    while True:
        seen = look([folder], cursor, most=4)
        asked += keys(seen)
        cursor, looks = seen.cursor, looks + 1
        if seen.is_whole:
            break
        assert len(keys(seen)) <= 4 + 31
    assert looks > 1
    assert sorted(asked) == sorted(keys(look([folder])))
    assert keys(look([folder], cursor)) == []


def test_a_folder_that_cannot_be_read_keeps_its_place_and_stops_no_other(
    paris: Folder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lyon = Folder("lyon", "vitals", tmp_path / "lyon")
    land(lyon.path / "a.csv")
    first = look([lyon, paris])
    read = watch.files

    def closed(folder: Folder, now: datetime, settle: timedelta) -> object:
        if folder == paris:
            raise PermissionError(13, "Permission denied")
        return read(folder, now, settle)

    monkeypatch.setattr(watch, "files", closed)
    land(lyon.path / "b.csv", at=later(2))
    seen = look([lyon, paris], first.cursor)
    assert (keys(seen), seen.unreadable) == (["lyon/2024-03-28", "lyon/2024-03-30"], (paris,))
    monkeypatch.setattr(watch, "files", read)
    assert keys(look([lyon, paris], seen.cursor)) == []


def test_a_cursor_stays_small_and_holds_no_name(tmp_path: Path) -> None:
    for day in range(120):
        land(tmp_path / f"Durand-{day}.csv", at=later(day))
    seen = look([Folder("paris", "vitals", tmp_path)])
    assert len(json.loads(seen.cursor)) == 5
    assert "Durand" not in seen.cursor + repr(seen.requests)
