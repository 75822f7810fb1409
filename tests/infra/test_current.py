"""The current view without a JVM: small Delta tables in, the latest known versions out."""

from datetime import UTC, datetime
from pathlib import Path

import deltalake
import pyarrow as pa
import pytest

from infra.current import current_arrow, silver_versions
from infra.errors import MachineError, UsageError
from infra.lake import Lake
from infra.tables import TABLES


def day(n: int) -> datetime:
    return datetime(2024, 1, n, tzinfo=UTC)


def write(lake: Lake, table_name: str, rows: list[dict[str, object]]) -> None:
    schema = TABLES[table_name].arrow_schema()
    table = pa.Table.from_pylist([{n: row.get(n) for n in schema.names} for row in rows], schema)
    deltalake.write_deltalake(lake.silver(table_name), table, mode="append")


def marker(value: float, known: int, ingested: int = 20, file_row: int = 0, **others: object) -> dict[str, object]:
    return {
        "patient_id": "p",
        "sample_id": None,
        "marker": "KPS",
        "method": None,
        "event_time": day(1),
        "value": value,
        "known_time": day(known),
        "ingested_at": day(ingested),
        "file_row": file_row,
        "file_id": "f",
        **others,
    }


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.at(tmp_path)


def values(table: pa.Table) -> list[object]:
    return sorted(table["value"].to_pylist())


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([marker(70, known=2), marker(80, known=5), marker(60, known=3)], [80]),
        ([marker(70, known=2, ingested=20), marker(80, known=2, ingested=21)], [80]),
        ([marker(70, known=2, file_row=4), marker(80, known=2, file_row=1)], [80]),
        ([marker(70, known=2), marker(80, known=3, patient_id="q")], [70, 80]),
        ([marker(70, known=2), marker(80, known=3, event_time=day(2))], [70, 80]),
        ([marker(70, known=2), {**marker(80, known=3), "known_time": None}], [70]),
        ([], []),
    ],
    ids=["latest known", "ingested last", "first record", "other patient", "other event", "null known", "none"],
)
def test_the_latest_known_version_of_each_key_remains(
    lake: Lake, rows: list[dict[str, object]], expected: list[float]
) -> None:
    write(lake, "biomarker", rows)
    assert values(current_arrow(lake, "biomarker")) == expected


def test_a_pinned_version_shows_what_was_current_then(lake: Lake) -> None:
    write(lake, "biomarker", [marker(70, known=2)])
    pinned = silver_versions(lake, ["biomarker"])
    write(lake, "biomarker", [marker(80, known=5)])
    assert values(current_arrow(lake, "biomarker", pinned["biomarker"])) == [70]
    assert values(current_arrow(lake, "biomarker")) == [80]


def test_years_that_nanoseconds_cannot_hold_survive(lake: Lake) -> None:
    far = datetime(2412, 5, 6, tzinfo=UTC)
    write(lake, "biomarker", [marker(70, known=2, event_time=far)])
    assert current_arrow(lake, "biomarker")["event_time"].to_pylist() == [far]


def test_only_key_columns_filter(lake: Lake) -> None:
    write(lake, "biomarker", [marker(70, known=2), marker(40, known=2, marker="MGMT")])
    assert values(current_arrow(lake, "biomarker", where={"marker": "MGMT"})) == [40]
    with pytest.raises(UsageError, match="filtered by its key"):
        current_arrow(lake, "biomarker", where={"call": "methylated"})


def test_what_is_not_there_is_named(lake: Lake) -> None:
    with pytest.raises(UsageError, match="No table is named 'nonsense'"):
        current_arrow(lake, "nonsense")
    with pytest.raises(MachineError, match="no table outcome"):
        silver_versions(lake, ["outcome"])
    write(lake, "biomarker", [marker(70, known=2)])
    with pytest.raises(UsageError, match="Version 7 of table biomarker"):
        current_arrow(lake, "biomarker", 7)
