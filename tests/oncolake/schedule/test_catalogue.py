"""Which source fills which table, and which feature tables silver has moved past. No JVM."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest

from features.building.build import ENGINE, build_gold
from features.tables import VIEWS
from features.view import definitions_hash
from infra import delta
from infra.lake import Lake
from infra.tables import TABLES
from ingestion.registry import SOURCES
from oncolake.schedule import catalogue
from oncolake.schedule.catalogue import derived_inputs, stale_views, tables_by_source
from tests.ingestion.lakes import no_session

NOW = datetime(2024, 3, 1, tzinfo=UTC)


def vital_signs(lake: Lake, *cases: str) -> None:
    schema = TABLES["vital_sign"].arrow_schema()
    for case in cases:
        row: dict[str, Any] = dict.fromkeys(schema.names) | {"case_id": case, "event_time": NOW, "file_row": 0}
        delta.append_arrow(lake, pa.Table.from_pylist([row], schema), lake.silver("vital_sign"))


def build(lake: Lake, name: str, **other: object) -> None:
    """Leaves the record of a build that read the present silver, and no rows."""
    view = VIEWS[name]
    silver = {table: delta.content_version(lake.silver(table)) for table in view.inputs}
    record = json.dumps(
        {"silver": silver, "definition": definitions_hash([view]), "engine": ENGINE} | other, sort_keys=True
    )
    deltalake.write_deltalake(
        lake.gold(name), pa.table({"case_id": ["c"]}), mode="overwrite",
        commit_properties=deltalake.CommitProperties(custom_metadata={"userMetadata": record}),
    )  # fmt: skip


def test_every_table_has_one_source() -> None:
    found = tables_by_source()
    assert list(found) == list(SOURCES)
    assert sorted(name for tables in found.values() for name in tables) == sorted(TABLES)
    assert found["vitals"] == ("vital_sign",)
    assert "patient" in found["clinical"]


def test_a_table_without_a_source_is_a_defect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TABLES, "blood", object())
    tables_by_source.cache_clear()
    with pytest.raises(ValueError, match="blood"):
        tables_by_source()
    tables_by_source.cache_clear()


def test_derived_tables_name_what_they_are_computed_from() -> None:
    assert derived_inputs()["mutational_burden"] == ("variant", "sequenced_sample", "gene_panel")


def test_a_view_is_stale_from_its_first_rows_until_it_is_built(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    assert stale_views(lake) == {}
    vital_signs(lake, "a")
    first = stale_views(lake)
    assert list(first) == ["vital_window"]
    build(lake, "vital_window")
    assert stale_views(lake) == {}
    vital_signs(lake, "b")
    assert list(stale_views(lake)) == ["vital_window"]
    assert stale_views(lake) != first  # told apart, so that a scheduler asks again
    build(lake, "vital_window", definition="another")
    assert list(stale_views(lake)) == ["vital_window"]


def test_what_is_not_stale_is_what_a_build_leaves_alone(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    vital_signs(lake, "a")
    build(lake, "vital_window")
    assert not build_gold(no_session, lake, ["vital_window"])["vital_window"].is_new


def test_table_care_makes_no_view_stale(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    vital_signs(lake, "a", "b")
    build(lake, "vital_window")
    before = delta.version(lake.silver("vital_sign"))
    deltalake.DeltaTable(lake.silver("vital_sign")).optimize.compact()
    assert delta.version(lake.silver("vital_sign")) != before
    assert stale_views(lake) == {}


def test_a_record_that_is_none_is_stale(tmp_path: Path) -> None:
    lake = Lake.at(tmp_path)
    vital_signs(lake, "a")
    deltalake.write_deltalake(
        lake.gold("vital_window"), pa.table({"case_id": ["c"]}),
        commit_properties=deltalake.CommitProperties(custom_metadata={"userMetadata": "no json"}),
    )  # fmt: skip
    assert list(catalogue.stale_views(lake)) == ["vital_window"]
