"""Which files of the landing folders make a delivery, and which of them wait."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.errors import UsageError
from ingestion.registry import SOURCES
from oncolake.schedule.landing import (
    Folder,
    Landed,
    by_delivery,
    delivered,
    digest,
    files,
    folders,
    parse_key,
    unknown_folders,
)
from oncolake.schedule.settings import Schedule
from tests.ingestion.lakes import wide
from tests.oncolake.schedule.places import NOON, land, later

LONG_AGO = timedelta(seconds=60)
HEADER = "case 1 500 60000 0:0:0 28/03/2024\ncase.dat 16 10/mmHg 16 0 0 0 0 MAP\n"


def keyed(text: str) -> str:
    return f"{abs(hash(text)):016x}"


def test_folders_are_found_and_declared(tmp_path: Path) -> None:
    for name in ("paris/vitals", "paris/letters", "paris/.cytokine", ".trash/vitals", "a...b/vitals"):
        (tmp_path / "landing" / name).mkdir(parents=True)
    elsewhere = tmp_path / "elsewhere"
    schedule = Schedule.model_validate(
        {"landing": tmp_path / "landing", "folders": [{"site": "lyon", "source": "imaging", "path": elsewhere}]}
    )
    assert folders(schedule) == [
        Folder("lyon", "imaging", elsewhere),
        Folder("paris", "vitals", tmp_path / "landing" / "paris" / "vitals"),
    ]
    assert [p.relative_to(tmp_path / "landing").as_posix() for p in unknown_folders(schedule)] == [
        "a...b/vitals",
        "paris/letters",
    ]
    assert folders(Schedule(landing=tmp_path / "absent")) == []
    assert files(Folder("lyon", "imaging", elsewhere), NOON, LONG_AGO) == []  # declared, and not mounted yet


def test_a_file_waits_while_its_content_or_its_entry_is_new(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    land(tmp_path / "copied.csv")  # an old modification time, and an entry of now: cp -p is at work
    land(tmp_path / "written.csv", at=now)
    land(tmp_path / "sub" / "future.csv", at=now + timedelta(days=400))
    land(tmp_path / ".hidden.csv")
    folder = Folder("paris", "vitals", tmp_path)
    found = {f.path.name: f for f in files(folder, now, LONG_AGO)}
    assert {name: f.is_settled for name, f in found.items()} == {
        "copied.csv": False, "written.csv": False, "future.csv": False,
    }  # fmt: skip
    later_on = {f.path.name: f.is_settled for f in files(folder, now + timedelta(seconds=90), LONG_AGO)}
    assert set(later_on.values()) == {True}
    assert found["copied.csv"].day == "2024-03-28"
    assert found["copied.csv"].size_bytes == 1


def test_a_dangling_link_and_an_impossible_time_are_files_like_others(tmp_path: Path) -> None:
    (tmp_path / "gone.csv").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    odd = land(tmp_path / "odd.csv")
    os.utime(odd, ns=(0, -(2**62)))
    found = {f.path.name: f.day for f in files(Folder("paris", "vitals", tmp_path), later(1), timedelta(0))}
    assert set(found) == {"gone.csv", "odd.csv"}
    assert found["odd.csv"] < "2024"


def test_a_folder_that_cannot_be_read_is_an_error_of_its_own(tmp_path: Path) -> None:
    no_folder = land(tmp_path / "file")
    with pytest.raises(OSError, match="Not a directory"):
        files(Folder("paris", "vitals", no_folder), NOON, LONG_AGO)


def test_days_make_deliveries_and_waiting_files_none(tmp_path: Path) -> None:
    found = [
        Landed(tmp_path / name, day, 1, 1, is_settled)
        for name, day, is_settled in (
            ("a", "2024-03-28", True),
            ("b", "2024-03-28", True),
            ("c", "2024-03-29", True),
            ("d", "2024-03-30", False),
        )
    ]
    assert {key: [f.path.name for f in held] for key, held in by_delivery("paris", found).items()} == {
        "paris/2024-03-28": ["a", "b"], "paris/2024-03-29": ["c"],
    }  # fmt: skip


@pytest.mark.parametrize("key", ["paris", "paris/yesterday", "/2024-03-28", "paris/2024-02-30", ""])
def test_what_is_no_delivery_is_wrong_usage(key: str) -> None:
    with pytest.raises(UsageError, match="expected site/2024-03-28"):
        parse_key(key)


def test_a_key_is_read_back() -> None:
    assert parse_key("saint-jean 2/2024-03-28") == ("saint-jean 2", "2024-03-28")


def test_a_digest_sees_what_changes_and_shows_no_name(tmp_path: Path) -> None:
    a, b = (Landed(tmp_path / n, "2024-03-28", 1, 1, True) for n in ("Durand.csv", "b\udce9.csv"))
    asked: list[str] = []

    def asking(text: str) -> str:
        asked.append(text)
        return keyed(text)

    both = digest([a, b], asking)
    assert digest([b, a], keyed) == both
    changed = [Landed(a.path, a.day, 2, 1, True), Landed(a.path, a.day, 1, 2, True), Landed(b.path, a.day, 1, 1, True)]
    assert len({digest([f], keyed) for f in (a, *changed)}) == 4
    assert len(both) == 16
    assert "Durand" not in asked[0]


def test_a_delivery_is_a_day_of_a_site_and_source(tmp_path: Path) -> None:
    vitals = tmp_path / "paris" / "vitals"
    monday = land(vitals / "monday.csv", wide("op1", "2024-03-28T10:00:00Z,70,80"))
    land(vitals / "tuesday.csv", wide("op2", "2024-03-29T10:00:00Z,70,80"), at=later(1))
    land(tmp_path / "lyon" / "vitals" / "a.csv", wide("op3", "2024-03-28T10:00:00Z,70,80"))
    land(tmp_path / "paris" / "cytokine" / "a.csv")
    schedule = Schedule(landing=tmp_path, settle_seconds=0)
    assert delivered(SOURCES["vitals"], "paris/2024-03-28", schedule, later(9)) == [monday]
    assert delivered(SOURCES["vitals"], "paris/2024-03-27", schedule, later(9)) == []


def test_files_that_belong_together_come_together(tmp_path: Path) -> None:
    """A signal file of today beside its header of last week is one record, and comes with it."""
    folder = tmp_path / "paris" / "vitals"
    header = land(folder / "case.hea", HEADER, at=later(-7))
    signal = land(folder / "case.dat", "\0" * 8)
    other = land(folder / "other.csv", wide("op1", "2024-03-21T10:00:00Z,70,80"), at=later(-7))
    schedule = Schedule(landing=tmp_path, settle_seconds=0)
    assert sorted(delivered(SOURCES["vitals"], "paris/2024-03-28", schedule, later(9))) == sorted([header, signal])
    assert other not in delivered(SOURCES["vitals"], "paris/2024-03-28", schedule, later(9))


def test_a_header_waits_while_its_signals_are_being_written(tmp_path: Path) -> None:
    folder = tmp_path / "paris" / "vitals"
    header = land(folder / "case.hea", HEADER)
    time.sleep(0.6)
    land(folder / "case.dat", "\0" * 8, at=datetime.now(UTC))
    schedule = Schedule(landing=tmp_path, settle_seconds=0.5)
    now = datetime.now(UTC)
    assert delivered(SOURCES["vitals"], "paris/2024-03-28", schedule, now) == []
    assert delivered(SOURCES["vitals"], "paris/2024-03-28", schedule, now + timedelta(seconds=2)) == [header]
