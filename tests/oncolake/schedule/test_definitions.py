"""What Dagster is told: every table an asset, in its partitions, with its checks; and what stays import-light."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from features.tables import VIEWS
from infra.tables import TABLES
from ingestion.registry import SOURCES
from oncolake.schedule.verdicts import FILE_CHECKS, TABLE_CHECKS, VIEW_CHECKS
from tests.oncolake.schedule.places import place_at

dg = pytest.importorskip("dagster")


@pytest.fixture
def graph(tmp_path: Path) -> Any:
    from oncolake.schedule.define import define

    definitions = define(place_at(tmp_path, freshness_days={"vitals": 2}))
    dg.Definitions.validate_loadable(definitions)
    return definitions.resolve_asset_graph()


def test_every_table_is_an_asset(graph: Any) -> None:
    keys = {key.to_user_string() for key in graph.get_all_asset_keys()}
    assert keys == {f"silver/{t}" for t in TABLES} | {f"gold/{v}" for v in VIEWS} | {"gold/online_store"}


def test_silver_has_a_partition_for_each_delivery_and_gold_has_none(graph: Any) -> None:
    for key in graph.get_all_asset_keys():
        partitions = graph.get(key).partitions_def
        if key.path[0] == "gold":
            assert partitions is None
        else:
            assert partitions.name == f"{graph.get(key).group_name}_deliveries"
    assert {graph.get(dg.AssetKey(["silver", t])).group_name for t in TABLES} == set(SOURCES)


def test_one_ingestion_fills_all_tables_of_a_source(graph: Any) -> None:
    together = graph.get(dg.AssetKey(["silver", "patient"])).execution_set_asset_keys
    assert {key.path[1] for key in together} == {"patient", "specimen", "treatment", "biomarker", "outcome"}
    assert graph.get(dg.AssetKey(["gold", "burden"])).execution_set_asset_keys == {dg.AssetKey(["gold", "burden"])}


def test_gold_hangs_on_what_it_is_built_from(graph: Any) -> None:
    for view in VIEWS.values():
        parents = graph.get(dg.AssetKey(["gold", view.name])).parent_keys
        assert {key.path[1] for key in parents} == set(view.inputs)
    burden = graph.get(dg.AssetKey(["silver", "mutational_burden"])).parent_keys
    assert dg.AssetKey(["silver", "variant"]) in burden


def test_every_table_has_its_checks(graph: Any) -> None:
    found: dict[str, set[str]] = {}
    for check in graph.asset_check_keys:
        found.setdefault(check.asset_key.path[1], set()).add(check.name)
    first = {"imaging_instance", "exosome_measurement", "cytokine_result", "variant", "vital_sign", "patient"}
    assert found == {
        **{t: {*TABLE_CHECKS, *(FILE_CHECKS if t in first else ())} for t in TABLES},
        **{v: set(VIEW_CHECKS) for v in VIEWS},
    }


def test_what_is_declared_to_be_fresh_is_watched(graph: Any) -> None:
    window = {key.path[1]: graph.get(key).freshness_policy for key in graph.get_all_asset_keys()}
    assert window["vital_sign"].fail_window.to_timedelta() == timedelta(days=2)
    assert window["patient"] is None  # how often a hospital delivers cannot be guessed
    assert window["vital_window"].fail_window.to_timedelta() == timedelta(hours=26)


def test_help_and_ingestion_do_without_dagster() -> None:
    for arguments in (["--help"], ["schedule", "--help"], ["ingest", "--help"]):
        program = (
            f"import sys; sys.argv = ['oncolake', *{arguments!r}]\nfrom oncolake.cli import main\n"
            "try:\n    main()\nexcept SystemExit:\n    assert not {'dagster', 'pyspark'} & set(sys.modules)"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
