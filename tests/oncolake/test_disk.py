"""A disk that fills in mid-batch, and a lake that may not be written: one sentence, nothing half-written, and on."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from infra.lake import Lake
from ingestion import pipeline
from tests.ingestion.lakes import state, wide
from tests.oncolake.running import Run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("no_expectations")]
MINUTES = 20_000


@pytest.fixture
def no_expectations(monkeypatch: pytest.MonkeyPatch) -> None:
    """Great Expectations brings its own assets; the tables are what is shown here."""
    monkeypatch.setattr(pipeline, "validate", lambda *_: [])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 4 MB; skipped where a test may not mount one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    command = [str(mount), "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    if mount is None or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a disk of its own cannot be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def landing(folder: Path) -> tuple[Path, Path]:
    """A small delivery, and one that makes megabytes of a table."""
    for name in ("first", "second"):
        (folder / name).mkdir()
    (folder / "first" / "a.csv").write_text(wide("op1", "2024-03-25T10:00:00Z,70,80", "2024-03-25T10:01:00Z,900,81"))
    rows = (f"2024-03-{1 + n // 1440:02}T{n // 60 % 24:02}:{n % 60:02}:00Z,{40 + n * 7919 % 9973 / 100},{60 + n % 50}"
            for n in range(MINUTES))  # fmt: skip
    (folder / "second" / "b.csv").write_text(wide("op2", *rows))
    return folder / "first", folder / "second"


def test_a_full_disk_and_a_read_only_lake(
    request: pytest.FixtureRequest, spark: SparkSession, small_disk: Path, tmp_path: Path, run: Run
) -> None:
    first, second = landing(tmp_path)
    lake, undisturbed = Lake.at(small_disk / "lake"), Lake.at(tmp_path / "undisturbed")

    def ingest(where: Lake, folder: Path) -> tuple[int, str, str]:
        return run("ingest", "vitals", folder, "--site", "paris", "--lake", where.root, "--json", "--quiet")

    for folder in (first, second):
        assert ingest(undisturbed, folder)[0] == 0
    assert ingest(lake, first)[0] == 0
    before = state(lake)

    free = os.statvfs(small_disk)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(free.f_bavail * free.f_frsize - 120_000))
    code, out, err = ingest(lake, second)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "because the disk is full; nothing half-written is visible" in err
    assert state(lake) == before
    assert json.loads(run("status", "--lake", lake.root, "--json")[1])["tables"][0]["rows"] == 3
    ballast.unlink()

    # The same disk through a second door that lets nothing in.
    door = tmp_path / "door"
    door.mkdir()
    subprocess.run(["mount", "--bind", str(small_disk), str(door)], check=True)
    request.addfinalizer(lambda: subprocess.run(["umount", "--lazy", str(door)], check=True))
    subprocess.run(["mount", "-o", "remount,bind,ro", str(door)], check=True)
    barred = Lake.at(door / "lake")
    code, out, err = ingest(barred, second)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "cannot be written" in err
    code, out, err = run("maintain", "--lake", barred.root, "--quiet")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "cannot be written" in err
    assert run("status", "--lake", barred.root)[0] == 0

    code, out, _ = ingest(lake, second)
    assert (code, json.loads(out)["tables"]["vital_sign"]["rows_added"]) == (0, 2 * MINUTES)
    assert state(lake) == state(undisturbed)
