"""The gate alone, against the same suite run by Great Expectations as it comes.

One batch of conformed vital signs lies in a Parquet file. Ours judges each row (the checks that it breaks, as the
pipeline's one pass has them) and counts the rows that break each check, in one pass. The peer runs the suite that is
derived from the same declaration with Great Expectations' defaults: result format SUMMARY, a batch that it persists, no
Data Docs. Each run reads the file anew; of several runs in one session the fastest counts, for both. Counts of both are
compared, check by check.

Beside it, what the pipeline runs for the record: the same suite in BOOLEAN_ONLY, not persisted, with Data Docs.
"""

from tests.bench.benchmark import Bench, Benchmark, Figure, Target
from tests.bench.child import session, settings, timed
from tests.bench.data import vitals

TABLE = "vital_sign"


def batch(landing: str, parquet: str) -> dict[str, object]:
    from pathlib import Path

    from pyspark.sql import functions as F

    from infra.tables import TABLES
    from ingestion.discovery import Delivery, discover
    from ingestion.reading import new_readings, read_files
    from ingestion.registry import SOURCES

    spark, known, source = session(is_large=True), settings(), SOURCES["vitals"]
    site = known.site("bench")
    files = discover(source, [Delivery(Path(landing), "bench")])
    assert files[0].format is not None
    raw = files[0].format.raw
    rows = read_files(spark, files, raw, "vitals", {"bench": site}, known.pseudonymiser, new_readings(spark))
    conformed = source.conform[raw.name](rows.withColumn("record", F.struct("problem")), site)[TABLE]
    declared = [F.col(c.name).cast(c.type).alias(c.name) for c in TABLES[TABLE].conformed_columns]
    conformed.select(*declared, "problem").write.parquet(parquet)
    return {"rows": spark.read.parquet(parquet).count()}


def ours(parquet: str, runs: int) -> dict[str, object]:
    from pyspark.sql import functions as F

    from infra.tables import TABLES
    from quality.gate import broken_bits, critical_mask

    spark, table = session(is_large=True), TABLES[TABLE]
    seconds = []
    for _ in range(runs):
        answer: dict[str, object] = {}
        with timed(answer):
            bits = F.col("bits")
            judged = spark.read.parquet(parquet).select("problem", broken_bits(table).alias("bits"))
            critical, warning = (F.lit(mask).cast("bigint") for mask in (critical_mask(table), ~critical_mask(table)))
            refused = (bits.bitwiseAND(critical) != 0) | F.col("problem").isNotNull()
            each = (F.count_if(bits.bitwiseAND(F.lit(1 << i).cast("bigint")) != 0) for i in range(len(table.checks())))
            verdicts = (F.count_if(refused), F.sum(F.bit_count(bits.bitwiseAND(warning))))
            found = judged.agg(F.count("*"), *verdicts, *each).collect()[0]
        seconds.append(float(str(answer["seconds"])))
    return {"seconds": min(seconds), "rows": found[0], "quarantined": found[1], "broken": list(found[3:])}


def defaults(parquet: str, runs: int) -> dict[str, object]:
    import great_expectations as gx

    from infra.tables import TABLES
    from quality.suite import suite

    spark = session(is_large=True)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_spark("bench")
    whole = source.add_dataframe_asset(TABLE).add_batch_definition_whole_dataframe("batch")
    expected = context.suites.add(suite(TABLES[TABLE]))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name=TABLE, data=whole, suite=expected))
    checkpoint = context.checkpoints.add(gx.Checkpoint(name=TABLE, validation_definitions=[definition]))
    seconds = []
    for _ in range(runs):
        answer: dict[str, object] = {}
        with timed(answer):
            outcome = checkpoint.run(batch_parameters={"dataframe": spark.read.parquet(parquet)})
        seconds.append(float(str(answer["seconds"])))
        spark.catalog.clearCache()
    (result,) = outcome.run_results.values()
    by_id = {r.expectation_config.id: r.result["unexpected_count"] for r in result.results}
    return {"seconds": min(seconds), "broken": [by_id[e.id] for e in expected.expectations]}


def recorded(parquet: str, lake: str, runs: int) -> dict[str, object]:
    from infra.lake import Lake
    from infra.tables import TABLES
    from quality.validation import count_broken, validate

    spark, seconds = session(is_large=True), []
    broken = {TABLE: count_broken(spark.read.parquet(parquet), TABLES[TABLE])}
    for i in range(runs):
        answer: dict[str, object] = {}
        with timed(answer):
            validate({TABLE: spark.read.parquet(parquet)}, broken, Lake.at(lake), "vitals", f"batch-{i}")
        seconds.append(float(str(answer["seconds"])))
    return {"seconds": min(seconds)}


def run(bench: Bench) -> list[Figure]:
    n, runs = bench.sizes["values"], bench.sizes["runs"]
    landing = vitals(bench.data, "wide", n, n // 10)
    parquet = str(bench.work / "batch.parquet")
    made = bench.function(batch, landing=str(landing), parquet=parquet)
    mine = bench.function(ours, parquet=parquet, runs=runs)
    peer = bench.function(defaults, parquet=parquet, runs=runs)
    record = bench.function(recorded, parquet=parquet, lake=str(bench.work / "lake"), runs=runs)
    if mine.answer["broken"] != peer.answer["broken"]:
        raise RuntimeError(f"the counts differ: {mine.answer['broken']} and {peer.answer['broken']}")
    checks = len(list(mine.answer["broken"]))  # type: ignore[call-overload]
    what = f"{made.answer['rows']:,} rows, {checks} checks"
    return [
        Figure(what, mine.text, f"Great Expectations, defaults: {peer.text}", peer.seconds / mine.seconds, "x faster",
               Target("at least", 5)),
        Figure(f"{what}, the suite for the record", record.text, f"Great Expectations, defaults: {peer.text}",
               peer.seconds / record.seconds, "x faster"),
    ]  # fmt: skip


BENCHMARK = Benchmark(
    name="gate",
    title="The gate alone",
    sizes={
        "tiny": {"values": 10_000, "runs": 1},
        "small": {"values": 500_000, "runs": 3},
        "full": {"values": 2_000_000, "runs": 3},
    },
    run=run,
)
