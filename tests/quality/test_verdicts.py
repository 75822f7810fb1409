"""The gate and Great Expectations judge alike, every check can be broken, and no value reaches the reports."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import deltalake
import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from infra import delta
from infra.checks import Between, Matches, NotBefore, OneOf, sentence
from infra.lake import Lake
from infra.table import Table
from infra.tables import TABLES
from quality import validation
from quality.gate import REASONS, WARNINGS, breaks, judge
from quality.validation import SCHEMA as RESULTS
from quality.validation import CheckResult, count_broken, docs_index, results_path, validate
from tests.quality.broken_rows import (
    CANARY_NUMBER,
    CANARY_TEXT,
    EVENT,
    PSEUDONYM,
    breaking_row,
    clean_row,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of Great Expectations, about itself
]


def frame(spark: SparkSession, table: Table, rows: list[dict[str, Any]]) -> DataFrame:
    columns = table.conformed_columns
    schema = ", ".join(f"`{c.name}` {c.type}" for c in columns) + ", problem string, record string"
    record = f'{{"patient": "{CANARY_TEXT}"}}'
    return spark.createDataFrame([(*(r[c.name] for c in columns), None, record) for r in rows], schema)


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return Lake.at(tmp_path_factory.mktemp("lake"))


@pytest.fixture(scope="module")
def results(spark: SparkSession, lake: Lake) -> dict[str, list[CheckResult]]:
    """Three batches: rows that break nothing, a row for each check that breaks it, and numbers that are none.

    The first two are of every table, so that each of its checks is judged where it is met and where it is broken.
    """
    cytokine, nan = TABLES["cytokine_result"], float("nan")
    batches = {
        "clean": {t.name: [clean_row(t)] for t in TABLES.values()},
        "dirty": {t.name: [breaking_row(t, c.name, k) for c, k in t.checks()] for t in TABLES.values()},
        "no number": {cytokine.name: [clean_row(cytokine) | {"value": nan, "dilution_factor": nan}]},
    }
    judged: dict[str, list[CheckResult]] = {}
    for batch, rows in batches.items():
        frames = {name: frame(spark, TABLES[name], r).cache() for name, r in rows.items()}
        broken = {name: count_broken(f, TABLES[name]) for name, f in frames.items()}
        judged[batch] = validate(frames, broken, lake, "lab", batch)
    return judged


@pytest.mark.parametrize("batch", ["clean", "dirty", "no number"])
def test_the_expectation_of_a_check_is_met_where_no_row_breaks_it(
    batch: str, results: dict[str, list[CheckResult]]
) -> None:
    found = results[batch]
    names = ["cytokine_result"] if batch == "no number" else list(TABLES)
    told = [(name, sentence(c.name, k)) for name in names for c, k in TABLES[name].checks()]
    assert [(r.table, r.check) for r in found] == told
    assert [r for r in found if r.is_expectation_met != (r.rows_failed == 0)] == []


def test_clean_rows_break_nothing_and_every_check_can_be_broken(results: dict[str, list[CheckResult]]) -> None:
    assert [r for r in results["clean"] if r.rows_failed] == []
    assert [r for r in results["dirty"] if not r.rows_failed] == []
    assert {r.check for r in results["no number"] if r.rows_failed} == {
        "value is at least 0 where unit <> '{NPX}'",
        "dilution_factor is at least 0",
    }


@pytest.mark.parametrize(("rows", "is_met"), [(1, False), (99, True), (300, False)])
def test_the_rows_of_a_batch_are_expected_to_be_as_many_as_before(
    spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, is_met: bool
) -> None:
    lake, table = Lake.at(tmp_path), TABLES["gene_panel"]
    past = [
        {"batch_id": f"b{i}", "source": "lab", "table_name": table.name, "check": "x", "severity": "info",
         "rows": 100 + i, "rows_failed": 0, "is_expectation_met": True, "validated_at": EVENT}
        for i in range(6)
    ]  # fmt: skip
    delta.create(lake, results_path(lake), RESULTS, {}, "")
    delta.append_arrow(lake, pa.Table.from_pylist(past, RESULTS), results_path(lake))
    batch = frame(spark, table, [clean_row(table)] * rows).cache()
    found = validate({table.name: batch}, {table.name: count_broken(batch, table)}, lake, "lab", "new")
    (counted,) = (r for r in found if r.check.startswith("a batch has"))
    assert counted.check == "a batch has 51 to 205 rows, after the recent ones"
    assert (counted.rows, counted.is_expectation_met, counted.rows_failed == 0) == (rows, is_met, is_met)
    assert counted.severity == "info"
    monkeypatch.setattr(validation, "WHOLE_ROWS", rows - 1)
    found = validate({table.name: batch}, {table.name: count_broken(batch, table)}, lake, "lab", "newer")
    assert not any(r.check.startswith("a batch has") for r in found)


def contents(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()


def test_no_value_reaches_the_record_of_a_validation(lake: Lake, results: dict[str, list[CheckResult]]) -> None:
    assert docs_index(lake).exists()
    planted = [CANARY_TEXT.encode(), str(CANARY_NUMBER).encode(), b"123,456", PSEUDONYM.encode()]
    pages = list(contents(Path(lake.root) / "quality"))
    assert any(path.suffix == ".html" for path, _ in pages)
    assert [(path.name, canary) for path, content in pages for canary in planted if canary in content] == []
    record = deltalake.DeltaTable(results_path(lake)).to_pyarrow_table().to_pylist()
    assert len(record) == sum(map(len, results.values()))
    assert not any(canary.decode() in str(row) for row in record for canary in planted)
    kept = {(r["batch_id"], r["table_name"], r["check"]): (r["rows_failed"], r["is_expectation_met"]) for r in record}
    told = [(batch, r) for batch, found in results.items() for r in found]
    assert kept == {(batch, r.table, r.check): (r.rows_failed, r.is_expectation_met) for batch, r in told}


def test_the_gate_names_the_checks_and_never_the_values(spark: SparkSession) -> None:
    table = TABLES["vital_sign"]
    rows = [clean_row(table)] + [breaking_row(table, c.name, k) for c, k in table.checks()]
    found = judge(frame(spark, table, rows), table).select(REASONS, WARNINGS).collect()
    assert (found[0][REASONS], found[0][WARNINGS]) == ([], [])
    for row, (column, check) in zip(found[1:], table.checks(), strict=True):
        assert sentence(column.name, check) in row[REASONS if check.severity == "critical" else WARNINGS]
        assert not any(CANARY_TEXT in reason or "123456" in reason for reason in row[REASONS])


def test_null_passes_every_check_but_not_null(spark: SparkSession) -> None:
    nothing = spark.createDataFrame([(None, None, None, EVENT)], "a double, b string, t timestamp, u timestamp")
    checks = {"a": [Between(0, 1), Between(low=0), Between(high=1)], "b": [OneOf(("x",)), Matches("x")],
              "t": [NotBefore("u")]}  # fmt: skip
    broken = [breaks(name, check) for name, of_column in checks.items() for check in of_column]
    assert nothing.select(*(b.alias(str(i)) for i, b in enumerate(broken))).first() == (False,) * len(broken)
