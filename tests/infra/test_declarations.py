"""Every declared table can be derived from: schemas, expectations, sentences, and the dictionary in the docs."""

from pathlib import Path

import pyarrow as pa
import pytest

from infra.checks import Between, Matches, NotNull, OneOf, sentence
from infra.table import Column, Table
from infra.tables import TABLES
from oncolake.dictionary import dictionary, main

ROOT = Path(__file__).resolve().parents[2]
NUMBERS = {"double", "int", "bigint"}
each_table = pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)


@each_table
def test_a_declaration_is_whole(table: Table) -> None:
    names = [c.name for c in table.all_columns]
    assert table.name in TABLES
    assert table.key
    assert set(table.key) <= set(names)
    assert set(table.cluster_by) <= set(names)
    assert all(c.description.endswith((".", ")", ";")) or "..." in c.description for c in table.columns), names
    assert "known_time" not in table.content_columns  # a later report of the same content is no new content
    assert [c.name for c in table.conformed_columns] == names[: len(names) - 3]


@each_table
def test_checks_fit_their_columns(table: Table) -> None:
    types = {c.name: c.type for c in table.all_columns}
    for column, check in table.checks():
        where = (table.name, column.name, check)
        match check:
            case Between(low=low, high=high):
                assert column.type in NUMBERS, where
                assert low is not None or high is not None, where
                assert low is None or high is None or low < high, where
            case OneOf(values=values):
                assert column.type == "string" and len(set(values)) == len(values) > 0, where
            case Matches():
                assert column.type == "string", where
            case NotNull():
                pass
            case _:
                assert column.type == types[check.other] == "timestamp", where
        assert column.name in sentence(column.name, check)


@each_table
def test_reasons_tell_the_checks_of_a_table_apart(table: Table) -> None:
    sentences = [sentence(column.name, check) for column, check in table.checks()]
    assert len(set(sentences)) == len(sentences)


@each_table
def test_the_schemas_of_spark_and_arrow_agree(table: Table) -> None:
    from pyspark.sql.pandas.types import from_arrow_schema
    from pyspark.sql.types import StructField, StructType, _parse_datatype_json_string

    arrow = table.arrow_schema()
    fields = []
    for part in table.ddl().split(", "):
        name, spark_type = part.split(" ")
        json_type = {"bigint": "long", "int": "integer"}.get(spark_type, spark_type)
        if json_type.startswith("array<"):
            text = f'{{"type":"array","elementType":"{json_type[6:-1]}","containsNull":true}}'
        else:
            text = f'"{json_type}"'
        fields.append(StructField(name.strip("`"), _parse_datatype_json_string(text)))
    assert from_arrow_schema(arrow) == StructType(fields)
    times = [c.name for c in table.all_columns if c.type == "timestamp"]
    assert all(arrow.field(name).type == pa.timestamp("us", "UTC") for name in times)


# The successor of text conditions, Column objects, cannot say IN and IS NULL the way that a declaration does.
@pytest.mark.filterwarnings("ignore:.*row_condition parameter:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*condition_parser parameter:DeprecationWarning")
@each_table
def test_every_check_is_an_expectation(table: Table) -> None:
    from quality.suite import suite

    expected = suite(table)
    assert expected.name == table.name
    assert len(expected.expectations) == len(table.checks()) > 0
    for (column, check), expectation in zip(table.checks(), expected.expectations, strict=True):
        assert expectation.severity == check.severity
        assert column.name in (getattr(expectation, "column", None), getattr(expectation, "column_A", None))


def test_a_declaration_that_contradicts_itself_is_refused() -> None:
    column = Column("dose", "double", "Dose.")
    with pytest.raises(ValueError, match="declares a column twice"):
        Table("t", "a thing", "Things.", ("dose",), (column, column))
    with pytest.raises(ValueError, match=r"key columns that it does not declare: \['id'\]"):
        Table("t", "a thing", "Things.", ("id",), (column,))


def test_the_data_dictionary_is_fresh_and_the_check_sees_a_stale_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    docs = ROOT / "docs" / "data-dictionary.md"
    assert docs.exists() and docs.read_text() == dictionary(), "run `make docs`"
    for table in TABLES.values():
        assert f"### {table.name}\n" in dictionary()
    stale = tmp_path / "stale.md"
    stale.write_text(dictionary().replace("patient", "person"))
    assert main(["--check", str(stale)]) == 1
    assert "run `make docs`" in capsys.readouterr().err
    assert main([str(stale)]) == 0
    assert main(["--check", str(stale)]) == 0
