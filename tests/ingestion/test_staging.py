"""Staging: what workers count and write, against the words of the gate; and which files go on as they are."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from infra.tables import TABLES
from ingestion.reading import RecordSum
from ingestion.repeats import overlapping
from ingestion.sink import Place, Sink
from ingestion.staging import Staged, stage
from ingestion.tally import FILE_KEY, FileTally, tally
from ingestion.versions import hex_digits, row_hash, row_hash_halves
from quality.gate import REASONS, WARNINGS, broken_bits, judge, reasons_of
from tests.quality.broken_rows import EVENT, breaking_row, clean_row

VITAL = TABLES["vital_sign"]
NOW = datetime(2024, 12, 31, tzinfo=UTC)
slow = pytest.mark.slow


def rows() -> list[dict[str, Any]]:
    """Two files: clean rows of one signal a minute, and a row for each check that breaks it."""
    clean = [clean_row(VITAL) | {"event_time": EVENT + timedelta(minutes=i), "known_time": EVENT + timedelta(minutes=i)}
             for i in range(20)]  # fmt: skip
    broken = [breaking_row(VITAL, c.name, k) for c, k in VITAL.checks()]
    found = [r | {"file_id": "good", "file_row": i} for i, r in enumerate(clean)]
    found += [r | {"file_id": r["file_id"] and "bad", "file_row": i} for i, r in enumerate(broken)]
    return [r for r in found if r["file_id"] and r["site_id"] and r["file_row"] is not None]


def frame(spark: SparkSession, given: list[dict[str, Any]], problems: tuple[int, ...] = ()) -> DataFrame:
    columns = VITAL.conformed_columns
    schema = ", ".join(f"`{c.name}` {c.type}" for c in columns) + ", format string, problem string"
    values = [
        (*(r[c.name] for c in columns), "some_csv", "it is odd" if i in problems else None) for i, r in enumerate(given)
    ]
    return spark.createDataFrame(values, schema).withColumn("record", F.struct("signal", "value"))


def staged(tmp_path: Path, conformed: DataFrame) -> Staged:
    silver, quarantine, faults = (str(tmp_path / name) for name in ("silver", "quarantine", "faults"))
    return stage([conformed], VITAL, Place(silver, quarantine, faults, "b-1", "vitals", "b", NOW))


@slow
def test_workers_count_and_split_as_the_gate_says(spark: SparkSession, tmp_path: Path) -> None:
    conformed = frame(spark, rows(), problems=(3,)).repartition(3)
    found = staged(tmp_path, conformed)
    judged = judge(conformed, VITAL)
    by_gate = tally(judged, VITAL)
    assert {k: (f.records, f.refused, f.warnings, f.broken) for k, f in found.tally.files.items()} == {
        k: (f.records, f.refused, f.warnings, f.broken) for k, f in by_gate.files.items()
    }
    good = found.read_good(spark).select(*FILE_KEY, "file_row", "batch_id", "ingested_at", "row_hash").collect()
    expected = judged.filter(F.size(REASONS) == 0).withColumn("row_hash", row_hash(VITAL))
    assert sorted((r["file_id"], r["file_row"], r["row_hash"]) for r in good) == sorted(
        (r["file_id"], r["file_row"], r["row_hash"]) for r in expected.collect()
    )
    assert {(r["batch_id"], r["ingested_at"]) for r in good} == {("b", NOW.replace(tzinfo=None))}
    faults = {(r["file_id"], r["file_row"]): r for r in found.read_faults(spark).collect()}
    broken = judged.filter((F.size(REASONS) > 0) | (F.size(WARNINGS) > 0)).collect()
    assert {k: (r[REASONS], r[WARNINGS]) for k, r in faults.items()} == {
        (r["file_id"], r["file_row"]): (r[REASONS], r[WARNINGS]) for r in broken
    }
    held = pa.concat_tables([pq.read_table(f"{found.place.quarantine}/{f.file.path}") for f in found.held])
    refused = [k for k, r in faults.items() if r[REASONS]]
    assert sorted(zip(held["file_id"].to_pylist(), held["file_row"].to_pylist(), strict=True)) == sorted(refused)
    assert ("good", 3) in refused
    assert held["record"].null_count == 0
    assert sum(f.file.rows for f in found.good) + held.num_rows == len(rows())


@slow
def test_bits_and_words_are_one_verdict(spark: SparkSession) -> None:
    conformed = frame(spark, rows(), problems=(5,))
    for row in judge(conformed.withColumn("bits", broken_bits(VITAL)), VITAL).collect():
        assert reasons_of(row["bits"], row["problem"], VITAL) == (row[REASONS], row[WARNINGS])


@slow
def test_halves_are_the_text_of_the_hash_and_content_changes_it(spark: SparkSession) -> None:
    table = TABLES["exosome_measurement"]
    base: dict[str, Any] = {c.name: None for c in table.all_columns}
    contents = [
        {}, {"sample_id": "a"}, {"measurement_id": "a"}, {"bin_centre_nm": []}, {"bin_centre_nm": [1.0, None]},
        {"bin_centre_nm": [None, 1.0]}, {"bin_concentration_per_ml": [1.0, None]}, {"event_time": EVENT},
        {"mean_nm": 0.0}, {"mean_nm": 1.0}, {"sd_nm": 1.0}, {"sample_id": ""},
    ]  # fmt: skip
    schema = ", ".join(f"`{c.name}` {c.type}" for c in table.all_columns)
    given = spark.createDataFrame([tuple((base | c).values()) for c in contents], schema)
    first, second = row_hash_halves(table)
    found = given.select(first.alias("a"), second.alias("b"), row_hash(table).alias("text")).collect()
    halves = (np.array([r[name] for r in found], np.int64) for name in ("a", "b"))
    assert hex_digits(*halves).to_pylist() == [r["text"] for r in found]
    assert len({r["text"] for r in found}) == len(contents)
    assert all(len(r["text"]) == 32 for r in found)


def judged_batch(file_ids: list[str], keys: list[int]) -> pa.RecordBatch:
    """What a worker gets: good vital signs."""
    n = len(file_ids)
    schema = VITAL.arrow_schema()
    columns: dict[str, Any] = {c.name: pa.nulls(n, schema.field(c.name).type) for c in VITAL.conformed_columns}
    columns |= {"file_id": file_ids, "site_id": ["s"] * n, "file_row": list(range(n)), "_broken": [0] * n,
                "_key": keys, "_hash_1": keys, "_hash_2": keys, "format": pa.nulls(n, pa.string()),
                "problem": pa.nulls(n, pa.string()), "record": pa.nulls(n, pa.string())}  # fmt: skip
    return pa.RecordBatch.from_pydict(columns)


def counted(tmp_path: Path, *batches: pa.RecordBatch) -> dict[str, tuple[RecordSum, bool]]:
    import json

    sink = Sink(VITAL, Place(*(str(tmp_path / n) for n in "sqf"), "b-1", "vitals", "b", NOW))
    for batch in batches:
        sink.add(pa.Table.from_batches([batch]))
    found = {}
    for out in sink.close():
        if out["kind"][0].as_py() == "file":
            key, repeats, counts = json.loads(out["summary"][0].as_py())
            found[key[0]] = (RecordSum(**counts["records"]), repeats)
    return found


def test_rows_of_files_in_any_order_are_counted_for_their_file(tmp_path: Path) -> None:
    together = counted(tmp_path / "a", judged_batch(["x", "x", "y"], [1, 2, 3]), judged_batch(["y"], [4]))
    assert together == {"x": (RecordSum(2, 1, 1), False), "y": (RecordSum(2, 2, 4), False)}
    mixed = counted(tmp_path / "b", judged_batch(["x", "y", "x", "y"], [1, 2, 3, 4]))
    assert mixed == {"x": (RecordSum(2, 2, 4), False), "y": (RecordSum(2, 4, 10), False)}
    repeated = counted(tmp_path / "c", judged_batch(["x", "y"], [1, 1]), judged_batch(["x"], [1]))
    assert {k: repeats for k, (_, repeats) in repeated.items()} == {"x": True, "y": False}


def box(case: tuple[str, str], minutes: tuple[int, int], *, device_null: bool = False) -> FileTally:
    """Reach of a file over case_id, signal, device, event_time."""
    reach = (*case, "HR", "MAP", "a", "a", *minutes)
    return FileTally(RecordSum(1), 0, 0, (), reach, (False, False, device_null, False))


def test_files_overlap_where_every_column_of_the_key_does() -> None:
    files = {
        ("a", "s"): box(("c1", "c1"), (0, 10)),
        ("b", "s"): box(("c1", "c1"), (11, 20)),  # the same case, later
        ("c", "s"): box(("c2", "c2"), (0, 99)),  # another case
        ("d", "s"): box(("c1", "c1"), (20, 30)),  # touches b
        ("e", "s"): box(("c3", "c3"), (0, 5), device_null=True),
    }
    assert overlapping(files, VITAL) == {("b", "s"), ("d", "s")}
    assert overlapping({("a", "s"): files["a", "s"]}, VITAL) == set()
