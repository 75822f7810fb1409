"""The pages of a lake, each on a local port of its own."""

import http.client
from pathlib import Path

import pytest

from features.store.repository import apply
from infra.errors import MachineError
from oncolake.commands import ui
from quality.validation import docs_index
from tests.features.gold_lake import story

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def status(url: str) -> int:
    asked = http.client.HTTPConnection(ui.HOST, int(url.split(":")[2].split("/", maxsplit=1)[0]), timeout=60)
    asked.request("GET", "/")
    answer = asked.getresponse().status
    asked.close()
    return answer


def test_each_page_answers(tmp_path: Path) -> None:
    pytest.importorskip("grpc_reflection", reason="Feast's page needs grpcio-reflection")
    lake = story(tmp_path)
    apply(lake)
    with pytest.raises(MachineError, match="no Data Docs yet"):
        ui.start(lake, 0, 0, 0, "sqlite")
    docs_index(lake).parent.mkdir(parents=True)
    docs_index(lake).write_text("<html></html>")
    servers = ui.start(lake, 0, 0, 0, "sqlite")
    try:
        assert list(servers) == ["MLflow", "Data Docs", ui.FEAST]
        assert {name: status(url) for name, (url, _) in servers.items()} == dict.fromkeys(servers, 200)
    finally:
        ui.stop(servers)


def test_a_server_that_does_not_come_up_takes_the_others_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = story(tmp_path)
    docs_index(lake).parent.mkdir(parents=True)
    docs_index(lake).write_text("<html></html>")
    started: list[ui.subprocess.Popen[bytes]] = []
    popen = ui.subprocess.Popen

    def kept(*arguments: object, **options: object) -> object:
        started.append(popen(*arguments, **options))  # type: ignore[call-overload]
        return started[-1]

    def down(*_: object) -> None:
        raise MachineError("It did not answer.")

    monkeypatch.setattr(ui.subprocess, "Popen", kept)
    monkeypatch.setattr(ui, "_wait", down)
    with pytest.raises(MachineError, match="did not answer"):
        ui.start(lake, 0, 0, 0, "sqlite")
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)
