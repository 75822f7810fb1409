"""Who uses Feast alone, its server or its page gets what we serve, by the same rule."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from features.online.reading import OnlineReader, packing_of
from features.online.rows import entity_key
from features.store.repository import apply, get_online, materialize, open_store, registered
from features.store.services import SERVICES, served
from features.tables import VIEWS
from infra.lake import Lake
from tests.features.gold_lake import day, story, write_gold
from tests.features.servers import HOST, free_port, postgres_server, redis_server, running
from tests.oncolake.chromium import chromium

if TYPE_CHECKING:
    from feast import FeatureStore

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
SURVIVAL = "overall_survival_v1"
FEAST = "from feast.cli.cli import cli; cli(prog_name='feast')"
ENTITIES = ("b", "a", "stranger")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    built = story(tmp_path_factory.mktemp("lake"))
    apply(built)
    materialize(built, day(40))
    return built


def plain_feast(store: "FeatureStore", service: str, key: str, entities: tuple[str, ...]) -> dict[str, list[Any]]:
    answer: dict[str, list[Any]] = store.get_online_features(
        features=registered(store, service), entity_rows=[{key: e} for e in entities], full_feature_names=True
    ).to_dict()
    return answer


def test_keys_and_packings_are_those_of_feast(lake: Lake) -> None:
    from feast.infra.key_encoding_utils import serialize_entity_key
    from feast.protos.feast.types.EntityKey_pb2 import EntityKey
    from feast.protos.feast.types.Value_pb2 import Value

    from features.online.store import OncolakeOnlineStore

    for name in ("", "a", "patient-é", "x" * 300):
        proto = EntityKey(join_keys=["patient_id"], entity_values=[Value(string_val=name)])
        assert entity_key("patient_id", name) == serialize_entity_key(proto, entity_key_serialization_version=3)
    for view in open_store(lake).list_feature_views():
        assert OncolakeOnlineStore()._packing(view).fingerprint == packing_of(view.name).fingerprint


def test_feast_answers_what_we_answer(lake: Lake) -> None:
    theirs = plain_feast(open_store(lake), SURVIVAL, "patient_id", ENTITIES)
    with OnlineReader.open(lake) as reader:
        ours = reader.get(SURVIVAL, ENTITIES)
    assert theirs.pop("patient_id") == list(ENTITIES)
    assert theirs == ours
    assert sum(v is not None for column in ours.values() for v in column) == 12


def test_arrays_and_times_come_through_feast(lake: Lake) -> None:
    got = open_store(lake).get_online_features(
        features=["olink_profile:analytes", "olink_profile:baseline_npx"], entity_rows=[{"patient_id": "a"}]
    )
    assert got.to_dict()["analytes"] == [["CCL2", "IL6"]]
    assert got.to_dict()["baseline_npx"] == [[7.0, 1.5]]
    assert got.to_dict(include_event_timestamps=True)["analytes__ts"] == [int(day(0).timestamp())]


def test_feast_s_own_materialisation_keeps_the_rule(tmp_path: Path) -> None:
    lake = story(tmp_path)
    apply(lake)
    store = open_store(lake)
    store.materialize(start_date=day(-1), end_date=day(15), feature_views=["clinical_profile", "burden"])
    with OnlineReader.open(lake) as reader:
        (row,) = reader.stored("clinical_profile", ["a"])
    assert row is not None
    assert (row.known, row.values["mgmt_percent"]) == (day(0), None)


def push(store: "FeatureStore", event: datetime, known: datetime, value: float) -> None:
    features = {f.name: [None] for f in VIEWS["burden"].features}
    row = {
        "patient_id": ["a"],
        "event_time": [event],
        "known_time": [known],
        **features,
        "tmb_cbioportal_per_mb": [value],
    }
    store.write_to_online_store("burden", pd.DataFrame(row))


def test_pushed_rows_replace_older_ones_and_nothing_else(tmp_path: Path) -> None:
    lake = story(tmp_path)
    apply(lake)
    store = open_store(lake)
    now = datetime.now(UTC)
    for event, known, value, seen in (
        (day(5), day(5), 1.0, 1.0),
        (day(4), day(6), 2.0, 1.0),  # an older event, whenever it was reported
        (day(5), day(7), 3.0, 3.0),  # a correction of the same event
        (day(5), day(6), 4.0, 3.0),
        (now, now + timedelta(days=1), 5.0, 3.0),  # not known yet
        (day(5) + timedelta(microseconds=1), day(5) + timedelta(microseconds=1), 6.0, 6.0),
    ):
        push(store, event, known, value)
        answer = store.get_online_features(features=["burden:tmb_cbioportal_per_mb"], entity_rows=[{"patient_id": "a"}])
        assert answer.to_dict()["tmb_cbioportal_per_mb"] == [seen], value


def test_feast_finds_no_value_that_is_too_old(tmp_path: Path) -> None:
    from feast.protos.feast.serving.ServingService_pb2 import FieldStatus

    lake = story(tmp_path)
    now = datetime.now(UTC)
    for case, minutes in (("fresh", 4), ("old", 6)):
        at = now - timedelta(minutes=minutes)
        write_gold(lake, "vital_window", {"case_id": case, "event_time": at, "known_time": at, "map_mmhg": 60.0})
    apply(lake)
    materialize(lake)
    response = open_store(lake).get_online_features(
        features=["vital_window:map_mmhg"], entity_rows=[{"case_id": case} for case in ("fresh", "old")]
    )
    assert response.to_dict()["map_mmhg"] == [60.0, None]
    vector = response.proto.results[list(response.proto.metadata.feature_names.val).index("map_mmhg")]
    assert list(vector.statuses) == [FieldStatus.PRESENT, FieldStatus.NOT_FOUND]


def test_a_view_that_is_no_longer_registered_leaves_nothing_online(tmp_path: Path) -> None:
    lake = story(tmp_path)
    apply(lake)
    materialize(lake, day(40))
    store = open_store(lake)
    view = store.get_feature_view("vital_window")
    service = store.get_feature_service("hypotension_v1")
    store.apply([], objects_to_delete=[view, service], partial=False)
    with OnlineReader.open(lake) as reader:
        assert reader.stored("vital_window", ["op"]) == [None]
    assert materialize(lake, day(40))["vital_window"].written == 1


@contextmanager
def feast(lake: Lake, folder: Path, *arguments: str, online: str = "sqlite") -> Iterator[int]:
    """One of Feast's own servers on the lake's folder; yields its port."""
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    environment |= {"ONCOLAKE_ONLINE_STORE": online, "NO_PROXY": "*"}
    command = [sys.executable, "-c", FEAST, "-c", f"{lake.root}/feast", *arguments, "-h", HOST, "-p", str(port)]
    with running(command, folder, port, env=environment):
        yield port


def ask(port: int, path: str, body: object = None) -> tuple[int, str]:
    asked = http.client.HTTPConnection(HOST, port, timeout=60)
    sent = None if body is None else json.dumps(body)
    asked.request("GET" if body is None else "POST", path, sent, {"Content-Type": "application/json"})
    answer = asked.getresponse()
    text = answer.read().decode()
    asked.close()
    return answer.status, text


def by_http(port: int) -> dict[str, list[object]]:
    status, text = ask(
        port,
        "/get-online-features",
        {"feature_service": SURVIVAL, "entities": {"patient_id": list(ENTITIES)}, "full_feature_names": True},
    )
    assert status == 200, text
    told = json.loads(text)
    columns = zip(told["metadata"]["feature_names"], told["results"], strict=True)
    return {name: column["values"] for name, column in columns}


def test_feast_serve_answers_over_http(lake: Lake, tmp_path: Path) -> None:
    expected = get_online(lake, SURVIVAL, [{"patient_id": e} for e in ENTITIES])
    with feast(lake, tmp_path, "serve", "--no-access-log") as port:
        got = by_http(port)
        status, text = ask(
            port, "/get-online-features", {"features": ["nothing:there"], "entities": {"patient_id": ["a"]}}
        )
    assert status >= 400
    assert "nothing" in text
    frame = pd.DataFrame({name: got[name] for name in served(SURVIVAL)}).astype("float64")
    pd.testing.assert_frame_equal(frame, expected[served(SURVIVAL)])


@pytest.mark.parametrize("server", [redis_server, postgres_server], ids=["redis", "postgres"])
def test_feast_serves_from_a_server_whose_address_is_in_no_file(server: Any, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    (tmp_path / "feast").mkdir()
    lake = story(tmp_path / "lake")
    with server(tmp_path / "server") as url:
        apply(lake, online=url)
        materialize(lake, day(40), online=url)
        assert url not in (Path(lake.root) / "feast" / "feature_store.yaml").read_text()
        with feast(lake, tmp_path / "feast", "serve", "--no-access-log", online=url) as port:
            got = by_http(port)
    assert got["clinical_profile__karnofsky"] == [70.0, 90.0, None]
    assert got["olink_profile__il6_baseline_npx"] == [None, 1.5, None]


def test_feast_apply_registers_what_we_register(lake: Lake, tmp_path: Path) -> None:
    copy = story(tmp_path / "lake")
    apply(copy)
    before = {s.name for s in open_store(copy).list_feature_services()}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    done = subprocess.run(
        [sys.executable, "-c", FEAST, "-c", f"{copy.root}/feast", "apply"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    store = open_store(copy)
    assert {s.name for s in store.list_feature_services()} == before == set(SERVICES)
    assert {v.name for v in store.list_feature_views()} == set(VIEWS)


@pytest.fixture(scope="module")
def page(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    pytest.importorskip("grpc_reflection", reason="Feast's page needs grpcio-reflection")
    with feast(lake, tmp_path_factory.mktemp("ui"), "ui") as port:
        yield port


def test_feast_s_page_has_our_registry(page: int) -> None:
    status, text = ask(page, "/")
    assert status == 200
    assert "<html" in text
    status, text = ask(page, "/api/v1/feature_views/all?limit=100")
    assert status == 200, text
    assert all(view in text for view in VIEWS)


def test_feast_s_page_shows_our_feature_views(page: int, tmp_path: Path) -> None:
    with chromium(tmp_path / "profile") as tab:
        tab.open(f"http://{HOST}:{page}/p/oncolake/feature-view")
        text = tab.until("clinical_profile", "vital_window")
    assert "cytokine_kinetics" in text
