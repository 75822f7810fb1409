"""What is new in a batch: the table, the delivery and the verdicts side by side; and an oracle in plain Python."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from infra.checks import Between
from infra.table import Column, Table
from ingestion.versions import ACCEPTED, CONTRADICTION, DUPLICATE, QUARANTINED, STATUS, classify, current, row_hash
from quality.gate import REASONS, judge

pytestmark = pytest.mark.slow

READING = Table(
    "reading", "a reading", "Readings.", key=("patient", "kind"),
    columns=(Column("patient", "string", "Who."), Column("kind", "string", "What; may be null."),
             Column("value", "double", "How much.", checks=(Between(low=0),))),
)  # fmt: skip
SCHEMA = (
    "patient string, kind string, value double, event_time timestamp, known_time timestamp, file_id string, "
    "file_row bigint"
)
NOW = datetime(2024, 12, 31, tzinfo=UTC)
DAYS = {day: datetime(2024, 1, day, tzinfo=UTC) for day in range(1, 10)}
Row = tuple[float, int]
"""A value and the day in January on which it was known."""
Verdict = tuple[float, int | str, str]
"""A value, the day on which it is known by the verdict ('now': at ingestion), and its status."""

Classified = dict[tuple[str, str | None], list[Any]]


@dataclass(frozen=True)
class Case:
    """One natural key: versions in the table, rows of the delivery in their order, and what is to come out."""

    name: str
    table: Sequence[Row]
    delivery: Sequence[Row]
    expected: Sequence[Verdict] = field(default=())


CASES = (
    Case("new", [], [(5, 1)], [(5, 1, ACCEPTED)]),
    Case("repeat in the delivery", [], [(5, 1), (5, 1)], [(5, 1, ACCEPTED), (5, 1, DUPLICATE)]),
    Case("repeat of the table", [(5, 1)], [(5, 1)], [(5, 1, DUPLICATE)]),
    Case("same content, reported again", [(5, 1)], [(5, 2)], [(5, 2, DUPLICATE)]),
    Case("correction", [(5, 1)], [(6, 2)], [(6, 2, ACCEPTED)]),
    Case("correction in the delivery", [], [(6, 2), (5, 1)], [(6, 2, ACCEPTED), (5, 1, ACCEPTED)]),
    Case("correction without a date", [(5, 1)], [(6, 1)], [(6, "now", ACCEPTED)]),
    Case("older version arrives late", [(6, 2)], [(5, 1)], [(5, 1, ACCEPTED)]),
    Case("back to the first value", [(5, 1), (6, 2)], [(5, 3)], [(5, 3, ACCEPTED)]),
    Case("repeat of an old version", [(5, 1), (6, 2)], [(5, 1)], [(5, 1, DUPLICATE)]),
    Case("contradiction", [], [(5, 1), (6, 1)], [(5, 1, QUARANTINED), (6, 1, QUARANTINED)]),
    Case("contradiction, one of them twice", [], [(5, 1), (6, 1), (5, 1)],
         [(5, 1, QUARANTINED), (6, 1, QUARANTINED), (5, 1, DUPLICATE)]),
    Case("contradiction, later resolved", [], [(5, 1), (6, 1), (6, 2)],
         [(5, 1, QUARANTINED), (6, 1, QUARANTINED), (6, 2, ACCEPTED)]),
    Case("refused by the gate", [], [(-1, 1), (5, 1)], [(-1, 1, QUARANTINED), (5, 1, ACCEPTED)]),
    Case("refused twice", [], [(-1, 1), (-1, 1)], [(-1, 1, QUARANTINED), (-1, 1, QUARANTINED)]),
    Case("two corrections without a date", [(5, 1)], [(6, 1), (7, 1)], [(6, 1, QUARANTINED), (7, 1, QUARANTINED)]),
    Case("an undated correction, delivered again", [(5, 1), (6, 9)], [(6, 1)], [(6, 1, DUPLICATE)]),
    Case("old and corrected row in one export", [(5, 1)], [(5, 1), (6, 1)], [(5, 1, DUPLICATE), (6, "now", ACCEPTED)]),
)  # fmt: skip


def oracle(case: Case) -> list[Verdict]:
    """The rule of ingestion.versions over one key, row by row."""
    verdicts: dict[int, Verdict] = {}
    seen: set[Row] = set()
    distinct: dict[int, set[float]] = {}
    for value, day in case.delivery:
        if value >= 0 and (value, day) not in case.table:
            distinct.setdefault(day, set()).add(value)
    known: list[tuple[Any, float]] = [(day, value) for value, day in case.table]  # versions, as (when, what)
    undated: list[int] = []
    for i in sorted(range(len(case.delivery)), key=lambda i: (case.delivery[i][1], i)):
        value, day = row = case.delivery[i]
        in_force = max((v for v in known if v[0] <= day), key=lambda v: v[0], default=(None, None))[1]
        if value < 0:
            verdicts[i] = (value, day, QUARANTINED)
        elif row in seen or row in case.table:
            verdicts[i] = (value, day, DUPLICATE)
        elif len(distinct[day]) > 1:
            verdicts[i] = (value, day, QUARANTINED)
        elif any(day == d for _, d in case.table):
            undated.append(i)
        elif value == in_force:
            verdicts[i] = (value, day, DUPLICATE)
        else:
            verdicts[i] = (value, day, ACCEPTED)
            known.append((day, value))
        if value >= 0:
            seen.add(row)
    for i in undated:
        value, day = case.delivery[i]
        if value == max(known)[1]:
            verdicts[i] = (value, day, DUPLICATE)
        else:
            verdicts[i] = (value, "now", ACCEPTED)
            known.append((99, value))
    return [verdicts[i] for i in range(len(case.delivery))]


def generated(n: int) -> list[Case]:
    random_ = random.Random(20241231)
    cases = []
    for i in range(n):
        table: list[Row] = []
        for day in sorted(random_.sample(range(1, 5), random_.randint(0, 3))):
            value = random_.choice((1, 2, 3))
            if not table or table[-1][0] != value:  # the table holds no repeated content
                table.append((value, day))
        delivery = [(random_.choice((1, 2, 3, -1)), random_.randint(1, 4)) for _ in range(random_.randint(1, 4))]
        cases.append(Case(f"case {i:03}", table, delivery))
    return cases


GENERATED = generated(400)
KINDS = {"whole key": "a", "a key with a null part": None}


def frame(spark: SparkSession, part: str) -> DataFrame:
    """The rows of one part of all cases, each case a key of its own; the named ones with a null part too."""
    keys = [(case, kind) for kind in KINDS.values() for case in CASES] + [(case, "a") for case in GENERATED]
    rows = [
        (case.name, kind, float(value), DAYS[1], DAYS[day], part, i)
        for case, kind in keys for i, (value, day) in enumerate(getattr(case, part))
    ]  # fmt: skip
    return spark.createDataFrame(rows, SCHEMA)


def judged(frame: DataFrame) -> DataFrame:
    nothing = F.lit(None).cast("string")
    plain = frame.withColumns({"site_id": F.lit("s"), "problem": nothing, "record": nothing})
    return judge(plain, READING).withColumn("row_hash", row_hash(READING))


@pytest.fixture(scope="module")
def classified(spark: SparkSession) -> Classified:
    """Every case in one call: by name and kind, its rows in the order of the delivery."""
    table = frame(spark, "table").withColumn("row_hash", row_hash(READING))
    rows = classify(judged(frame(spark, "delivery")), table, READING, NOW).orderBy("file_row").collect()
    found: Classified = {}
    for row in rows:
        found.setdefault((row["patient"], row["kind"]), []).append(row)
    return found


def verdicts(rows: Sequence[Any]) -> list[Verdict]:
    days: dict[datetime, int | str] = {moment.replace(tzinfo=None): day for day, moment in DAYS.items()}
    days[NOW.replace(tzinfo=None)] = "now"
    return [(row["value"], days[row["known_time"]], row[STATUS]) for row in rows]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_each_case_gets_its_verdicts(case: Case, kind: str, classified: Classified) -> None:
    assert verdicts(classified[case.name, KINDS[kind]]) == list(case.expected)


def test_the_oracle_agrees_on_generated_cases(classified: Classified) -> None:
    assert {case.name: oracle(case) for case in CASES} == {case.name: list(case.expected) for case in CASES}
    found = {case.name: verdicts(classified[case.name, "a"]) for case in GENERATED}
    wrong = [(c.table, c.delivery, oracle(c), found[c.name]) for c in GENERATED if found[c.name] != oracle(c)]
    assert not wrong, (len(wrong), wrong[:8])


def test_what_is_quarantined_has_its_reason_and_keeps_its_record(classified: Classified) -> None:
    rows = [row for found in classified.values() for row in found]
    assert all((row[STATUS] == QUARANTINED) == bool(row[REASONS]) for row in rows)
    contradictions = [row for row in rows if row[REASONS] == [CONTRADICTION]]
    assert contradictions
    assert all(json.loads(row["record"])["value"] == row["value"] for row in contradictions)


def test_keys_do_not_run_into_each_other(spark: SparkSession) -> None:
    """('1', '11') and ('11', '1') are two keys, and a null part is not the word null."""
    keys = [("1", "11"), ("11", "1"), ("1", None), ("1", "null"), (None, "1"), (None, None)]
    first = [(*key, 1.0, DAYS[1], DAYS[1], "f", i) for i, key in enumerate(keys)]
    later = [(*key, 9.0, DAYS[1], DAYS[2], "g", i) for i, key in enumerate(keys[:3])]
    given = spark.createDataFrame(first + later, SCHEMA)
    rows = current(judged(given).withColumn("ingested_at", F.lit(NOW)), READING).collect()
    assert {(r["patient"], r["kind"]): r["value"] for r in rows} == dict(zip(keys, [9.0] * 3 + [1.0] * 3, strict=True))
    assert len({r["row_hash"] for r in rows}) == len(keys)
