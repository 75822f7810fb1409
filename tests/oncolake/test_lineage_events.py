"""OpenLineage events: none unless declared, and of a batch only ids, names, versions and counts."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.errors import FileError
from infra.lake import Lake
from infra.settings import Settings
from ingestion.report import BatchReport, FileReport, TableReport
from oncolake.lineage_events import FILE, batch_events
from oncolake.show import Steps

pytest.importorskip("openlineage.client")
ID = "ab" * 32
REPORT = BatchReport(
    "b1",
    (
        FileReport("/landing/Durand.csv", ID, "vitals", "wide", "ingested", None, 3, 3),
        FileReport("/landing/Durand2.csv", "cd" * 32, "vitals", "wide", "unchanged"),
        FileReport("/landing/Durand3.csv", None, "vitals", None, "rejected", "Durand cannot be read."),
    ),
    {"vital_sign": TableReport(4, 3)},
)


@pytest.fixture
def collector() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """An endpoint on this machine, and what it was sent."""
    got: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing on the test's standard error."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    thread.join()
    server.server_close()


def batch(lake: Lake, settings: Settings, error: Exception | None = None) -> None:
    with batch_events("vitals", lake, settings, Steps("ingest", log_format="json")) as told:
        if error is not None:
            raise error
        told.report = REPORT


def test_nothing_is_made_or_sent_unless_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The client's own variables are not our settings.
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    batch(Lake.at(tmp_path / "lake"), Settings())
    assert list(tmp_path.iterdir()) == []


def test_a_batch_starts_and_completes(tmp_path: Path, collector: tuple[str, list[dict[str, Any]]]) -> None:
    url, got = collector
    lake = Lake.at(tmp_path / "Durand" / "lake")
    batch(lake, Settings(openlineage_url=url, openlineage_file=True))
    lines = [json.loads(line) for line in (Path(lake.root) / "lineage" / FILE).read_text().splitlines()]
    assert got == lines
    start, complete = lines
    assert [start["eventType"], complete["eventType"]] == ["START", "COMPLETE"]
    assert start["run"]["runId"] == complete["run"]["runId"]
    assert (start["inputs"], start["outputs"]) == ([], [])
    assert [d["name"] for d in complete["inputs"]] == [f"file/{ID}"]
    (table,) = complete["outputs"]
    assert (table["name"], table["facets"]["version"]["datasetVersion"]) == ("silver/vital_sign", "4")
    assert table["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert "Durand" not in json.dumps(lines)


def test_a_failed_batch_says_what_kind_of_error_and_not_its_text(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    with pytest.raises(FileError):
        batch(lake, Settings(openlineage_file=True), FileError("Durand cannot be read."))
    start, fail = ((tmp_path / "lineage" / FILE).read_text()).splitlines()
    assert json.loads(start)["eventType"] == "START"
    failed = json.loads(fail)
    assert (failed["eventType"], failed["run"]["facets"]["errorMessage"]["message"]) == ("FAIL", "FileError")
    assert "Durand" not in fail


def test_an_event_that_cannot_be_delivered_stops_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    batch(Lake.at(tmp_path), Settings(openlineage_url="http://127.0.0.1:9"))
    said = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    # The HTTP library may log each try as well: where and not what, so that nothing of the address is said.
    ours = [line for line in said if line["event"] != "library_message"]
    assert [line["event"] for line in ours] == ["openlineage_event_not_delivered"] * 2
    assert [line["state"] for line in ours] == ["START", "COMPLETE"]
