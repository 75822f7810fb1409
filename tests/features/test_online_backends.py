"""SQLite, Redis and PostgreSQL keep the same promises; the servers are real."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from features.online.audit import audit
from features.online.backend import Backend, connect, place
from features.online.rows import STAMP_BYTES, entity_key, stamped
from features.store.repository import get_online, materialize
from features.store.services import served
from infra.errors import MachineError, UsageError
from infra.settings import Settings
from tests.features.gold_lake import day, story, write_gold
from tests.features.servers import free_port, postgres_server, redis_server

pytestmark = pytest.mark.slow

A, B, C = (entity_key("patient_id", name) for name in "abc")


@pytest.fixture(scope="module", params=["sqlite", "redis", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "sqlite":
        yield f"sqlite:{folder / 'online.db'}"
        return
    with (redis_server if request.param == "redis" else postgres_server)(folder) as address:
        yield address


@pytest.fixture
def backend(url: str, request: pytest.FixtureRequest) -> Iterator[Backend]:
    """In a namespace of the test's own, so that tests may share a server."""
    opened = connect(url, request.node.name)
    yield opened
    opened.close()


def row(key: bytes, at: int, body: bytes) -> tuple[bytes, bytes, bytes]:
    return key, stamped(at, at, b"12345678", body), body


def everything(backend: Backend, view: str) -> dict[bytes, bytes]:
    pairs = [pair for batch in backend.stamps(view) for pair in batch]
    assert len(dict(pairs)) == len(pairs)
    assert all(len(stamp) == STAMP_BYTES for _, stamp in pairs)
    return dict(pairs)


def test_rows_are_kept_replaced_and_taken_out(backend: Backend) -> None:
    one, two, other = row(A, 1, b"one"), row(B, 1, b"\x00\xff"), row(A, 1, b"")
    backend.write("v", [one, two])
    backend.write("w", [other])
    assert backend.read([A, B, C], ["v", "w"]) == {(A, "v"): one[1:], (B, "v"): two[1:], (A, "w"): other[1:]}
    assert backend.read([A], ["w"]) == {(A, "w"): other[1:]}
    assert everything(backend, "v") == {A: one[1], B: two[1]}
    newer = row(A, 2, b"newer")
    backend.write("v", [newer])
    backend.remove("v", [B, C])
    assert backend.read([A, B], ["v"]) == {(A, "v"): newer[1:]}
    assert everything(backend, "v") == {A: newer[1]}
    backend.drop("v")
    assert everything(backend, "v") == {}
    assert backend.read([A], ["v", "w"]) == {(A, "w"): other[1:]}


def test_many_rows_come_back_in_batches(backend: Backend) -> None:
    keys = [entity_key("patient_id", f"p{i}") for i in range(25_000)]
    backend.write("v", [row(key, i, str(i).encode()) for i, key in enumerate(keys)])
    assert len(everything(backend, "v")) == len(keys)
    found = backend.read(keys[:1200], ["v"])
    assert [found[key, "v"][1] for key in keys[:1200]] == [str(i).encode() for i in range(1200)]


def test_notes_are_kept_and_namespaces_do_not_meet(backend: Backend, url: str) -> None:
    assert backend.note("state") is None
    backend.put_note("state", "é 1")
    backend.put_note("state", "é 2")
    backend.write("v", [row(A, 1, b"ours")])
    stranger = connect(url, "another")
    assert (backend.note("state"), stranger.note("state")) == ("é 2", None)
    assert stranger.read([A], ["v"]) == {}
    assert everything(stranger, "v") == {}
    stranger.close()


def test_threads_read_at_once_while_rows_are_written(backend: Backend) -> None:
    backend.write("v", [row(A, 0, b"0" * 100)])
    wrong: list[object] = []

    def read() -> None:
        for _ in range(100):
            (_, body) = backend.read([A], ["v"])[A, "v"]
            if len(set(body)) != 1:
                wrong.append(body)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(1, 50):
        backend.write("v", [row(A, i, str(i % 10).encode() * 100)])
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_lake_is_materialised_read_and_audited(url: str, tmp_path: Path) -> None:
    lake = story(tmp_path)
    service = "overall_survival_v1"
    rows = [{"patient_id": name} for name in ("b", "a", "stranger")]
    here = {"online": url}
    assert materialize(lake, day(15), **here)["cytokine_kinetics"].mode == "everything"
    assert materialize(lake, day(40), **here)["cytokine_kinetics"].mode == "difference"
    materialize(lake, day(40))  # the lake's own SQLite file
    got = get_online(lake, service, rows, now=day(40), **here)
    assert got.equals(get_online(lake, service, rows, now=day(40)))
    assert got[served(service)].notna().to_numpy().sum() == 12
    assert audit(lake, now=day(41), **here).is_consistent

    # A correction: the same event, known later.
    write_gold(
        lake, "burden", {"patient_id": "b", "event_time": day(0), "known_time": day(41), "is_hypermutated": True}
    )
    assert materialize(lake, day(42), **here)["burden"].written == 1
    assert get_online(lake, service, rows, now=day(42), **here)["burden__is_hypermutated"].tolist()[0] == 1.0


def test_another_store_starts_anew(url: str, tmp_path: Path) -> None:
    """What was done is known to the store that it was done in."""
    lake = story(tmp_path)
    materialize(lake, day(40))
    elsewhere = f"sqlite:{tmp_path / 'other.db'}"
    assert materialize(lake, day(41), online=elsewhere)["burden"].written == 1
    assert materialize(lake, day(42), online=elsewhere)["burden"].written == 0


@pytest.mark.parametrize("scheme", ["redis", "postgresql"])
def test_a_server_that_does_not_answer_is_named_without_its_password(scheme: str) -> None:
    pytest.importorskip({"redis": "redis", "postgresql": "psycopg"}[scheme])
    port = free_port()
    with pytest.raises(MachineError) as told:
        connect(f"{scheme}://user:secret@127.0.0.1:{port}/0", "x")
    assert f"{scheme}://127.0.0.1:{port}/0 does not answer" in str(told.value)
    assert "secret" not in str(told.value)


def test_where_an_online_store_may_lie() -> None:
    assert place("redis://user:secret@host:6379/0") == "redis://host:6379/0"
    assert place("sqlite:/somewhere/online.db") == "SQLite"
    with pytest.raises(UsageError, match="cannot lie in mongodb"):
        connect("mongodb://host/0", "x")
    with pytest.raises(UsageError, match="cannot lie in what the setting names"):
        connect("online.db", "x")
    with pytest.raises(MachineError, match="cannot be used"):
        connect("sqlite:/nowhere/at/all/online.db", "x")


def test_the_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("ONCOLAKE_"):
            monkeypatch.delenv(name)
    assert Settings().online_store == "sqlite"
    monkeypatch.setenv("ONCOLAKE_ONLINE_STORE", "redis://:secret@host/0")
    assert Settings().online_store == "redis://:secret@host/0"
    assert "secret" not in repr(Settings())
