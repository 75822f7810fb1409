"""`oncolake maintain` and what `oncolake status` says of small files, as a user meets them. No JVM."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from infra import delta
from infra.lake import Lake
from infra.maintenance import SMALL_BYTES
from infra.tables import TABLES
from oncolake import show
from tests.oncolake.running import Run

NOW = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    monkeypatch.setattr(show.out, "width", 200)
    lake = Lake.at(tmp_path / "lake")
    schema = TABLES["vital_sign"].arrow_schema()
    for i in range(4):
        row: dict[str, Any] = dict.fromkeys(schema.names) | {"case_id": f"c{i}", "event_time": NOW, "file_row": i}
        delta.append_arrow(lake, pa.Table.from_pylist([row], schema), lake.silver("vital_sign"))
    return lake


def test_tables_are_cared_for_once(run: Run, lake: Lake) -> None:
    before = json.loads(run("status", "--lake", lake.root, "--json")[1])["tables"][0]
    assert (before["files"], before["small_files"], before["small_bytes"] > 0) == (4, 4, True)
    assert before["size_bytes"] < SMALL_BYTES
    planned = json.loads(run("maintain", "--lake", lake.root, "--dry-run", "--json")[1])
    assert planned["tables"]["vital_sign"]["rewrite"] == "cluster"
    assert delta.version(lake.silver("vital_sign")) == 3

    code, out, _ = run("maintain", "--lake", lake.root, "--json")
    done = json.loads(out)["tables"]
    assert (code, list(done), done["vital_sign"]["after"]["n"]) == (0, ["vital_sign"], 1)
    after = json.loads(run("status", "--lake", lake.root, "--json")[1])["tables"][0]
    assert (after["rows"], after["files"], after["small_files"]) == (4, 1, 0)
    version = delta.version(lake.silver("vital_sign"))
    code, out, _ = run("maintain", "--tables", "vital_sign", "--lake", lake.root)
    assert (code, delta.version(lake.silver("vital_sign"))) == (0, version)
    assert "vital_sign" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--retention-days", "0"], "--retention-days is 0; expected at least 1."),
        (["--tables", "vital_sign,blood"], "There is no table blood; expected one of patient"),
        (["--tables", "gold/vital_window"], "has no table gold/vital_window yet"),
        (["--log-format", "xml"], "The log format is 'xml'; expected one of auto, text, json."),
    ],
)
def test_wrong_usage_is_one_sentence(arguments: list[str], said: str, run: Run, lake: Lake) -> None:
    code, out, err = run("maintain", *arguments, "--lake", lake.root)
    assert (code, out) == (2, "")
    assert said in err


def test_where_there_is_no_terminal_progress_is_json_lines(run: Run, lake: Lake) -> None:
    lines = [json.loads(line) for line in run("maintain", "--lake", lake.root)[2].splitlines()]
    assert {"time", "level", "event", "command"} <= set.intersection(*(set(line) for line in lines))
    assert [lines[0]["event"], lines[-1]["event"]] == ["started", "finished"]
    assert [line["table"] for line in lines if "table" in line] == ["vital_sign"]
    assert run("maintain", "--lake", lake.root, "--quiet")[2] == ""
    assert "caring for vital_sign" in run("maintain", "--lake", lake.root, "--log-format", "text")[2]
