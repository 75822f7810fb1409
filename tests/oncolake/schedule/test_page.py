"""`oncolake schedule` as a person uses it: started once, files put into the folder, and looked at in a browser."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from infra.lake import Lake
from tests.ingestion.lakes import KEY, decoded, rows, wide
from tests.oncolake.chromium import chromium
from tests.oncolake.schedule.places import land

pytest.importorskip("dagster_webserver")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[3]
PICTURE = "ONCOLAKE_TEST_PICTURE"
"""Names a file for the picture that the documentation shows; without it the picture stays with the test."""
PROGRAM = "import sys; sys.argv[0] = 'oncolake'; from oncolake.cli import main; main()"
CANARIES = ("Durand", "Marie", "durand", "marie")
MORNING = wide("Durand-op1", *(f"2024-03-28T10:{minute:02}:00Z,{70 + minute % 5},80" for minute in range(30)))


class Schedule:
    """A running `oncolake schedule`."""

    def __init__(self, folder: Path) -> None:
        self.landing, self.lake, self.log = folder / "landing", Lake.at(folder / "lake"), folder / "log"
        self.landing.mkdir()
        environment = {
            **os.environ, "ONCOLAKE_PSEUDONYM_KEY": KEY, "ONCOLAKE_SPARK_MASTER": "local[2]",
            "ONCOLAKE_SPARK_MEMORY": "1500m", "ONCOLAKE_SCHEDULE__SETTLE_SECONDS": "2",
            "ONCOLAKE_SCHEDULE__POLL_SECONDS": "5", "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        options = ["--landing", str(self.landing), "--lake", self.lake.root, "--port", "0", "--json"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, "schedule", *options],
                cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=log,
            )  # fmt: skip
        assert self.process.stdout is not None
        said = b"".join(iter(self.process.stdout.readline, b"}\n"))
        assert said, self.log.read_text()[-3000:]
        self.told: dict[str, str] = json.loads(said + b"}")
        self.port = int(self.told["url"].rsplit(":", 1)[1])

    def ask(self, query: str) -> Any:
        """The answer to a GraphQL query, as the page asks them."""
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        asked.request("POST", "/graphql", json.dumps({"query": query}), {"Content-Type": "application/json"})
        answer = json.load(asked.getresponse())
        asked.close()
        assert "errors" not in answer, answer
        return answer["data"]

    def runs(self) -> dict[str, list[str]]:
        """Status of the runs by job."""
        found: dict[str, list[str]] = {}
        for run in self.ask("{ runsOrError { ... on Runs { results { jobName status } } } }")["runsOrError"]["results"]:
            found.setdefault(run["jobName"], []).append(run["status"])
        return found

    def until_done(self, *jobs: str, seconds: float = 240) -> None:
        """Waits until each job ran once, and well."""
        end = time.monotonic() + seconds
        while True:
            found = self.runs()
            if all(found.get(job) == ["SUCCESS"] for job in jobs):
                return
            assert "FAILURE" not in str(found), f"{found}\n{self.log.read_text()[-5000:]}"
            assert time.monotonic() < end, f"{found}\n{self.log.read_text()[-5000:]}"
            time.sleep(1)

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)


@pytest.fixture
def schedule(tmp_path: Path) -> Iterator[Schedule]:
    started = Schedule(tmp_path)
    yield started
    if started.process.poll() is None:
        started.process.send_signal(signal.SIGTERM)
        started.process.wait(timeout=60)


ASSETS = """{ assetNodes { assetKey { path } groupName partitionDefinition { name }
  assetMaterializations(limit: 1) { partition } assetChecksOrError { ... on AssetChecks { checks { name } } } } }"""


def test_files_that_land_become_tables_and_the_page_shows_it(schedule: Schedule, tmp_path: Path) -> None:
    land(schedule.landing / "paris" / "vitals" / "Durand" / "Marie Durand.csv", MORNING)
    listening = [c.laddr.ip for p in schedule.family() for c in p.net_connections() if c.status == psutil.CONN_LISTEN]
    assert set(listening) == {"127.0.0.1"}

    schedule.until_done("ingest_vitals", "build_gold")
    assert len(rows(schedule.lake)) == 60
    found = {"/".join(a["assetKey"]["path"]): a for a in schedule.ask(ASSETS)["assetNodes"]}
    assert found["silver/vital_sign"]["assetMaterializations"] == [{"partition": "paris/2024-03-28"}]
    assert found["silver/vital_sign"]["partitionDefinition"]["name"] == "vitals_deliveries"
    assert {c["name"] for c in found["silver/vital_sign"]["assetChecksOrError"]["checks"]} >= {"accounting"}
    assert len(found["gold/vital_window"]["assetMaterializations"]) == 1
    assert len(found["gold/online_store"]["assetMaterializations"]) == 1
    assert found["gold/burden"]["assetMaterializations"] == []  # nothing to build it from

    with chromium(tmp_path / "profile") as page:
        page.open(f"{schedule.told['url']}/asset-groups")
        page.until("Global asset lineage", "clinical", "cytokine", "vitals", "gold")
        page.open(f"{schedule.told['url']}/assets/gold/vital_window?view=lineage")
        page.until("vital_sign", "vital_window", "online_store", "5 / 5 Passed", "1 / 1 Passed", "100% filled")
        page.picture(Path(os.environ.get(PICTURE, tmp_path / "schedule.png")))
        page.open(f"{schedule.told['url']}/assets/silver/vital_sign?view=checks")
        page.until("accounting", "no_critical_rows", "expectations_agree", "files_are_read")
        page.open(f"{schedule.told['url']}/assets/silver/vital_sign?view=partitions")
        page.until("paris/2024-03-28")
        assert page.hosts == {"127.0.0.1"}  # the page calls nobody either

    family = schedule.family()
    schedule.process.send_signal(signal.SIGINT)
    assert schedule.process.wait(timeout=60) == 0
    assert [p.pid for p in family if p.is_running() and p.status() != psutil.STATUS_ZOMBIE] == []
    assert "Stopped." in schedule.log.read_text()

    # Names of files and folders hold a patient's; nothing that is kept or printed does.
    assert [c for c in CANARIES if c in schedule.log.read_text()] == []
    assert {(str(path), c) for path, text in decoded(schedule.lake) for c in CANARIES if c in text} == set()
