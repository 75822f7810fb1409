"""Vital signs from CSV to validated Delta tables, from reading the first byte to the last commit.

The session is started before the clock in all Spark runs and is the same. Ours hashes, reads, makes pseudonyms,
conforms, judges every row, looks for duplicates and corrections, splits, hashes rows, writes table, quarantine, ledger
and the record of validation. The peers:

- *plain Spark*: Spark's own CSV reader with a declared schema, signals into rows, the same content columns typed,
  appended to a Delta table. No check, no pseudonym, no lineage.
- *our readers, plain*: the same readers under `mapInArrow`, pseudonyms included, the same content columns appended to
  a Delta table. No check, no lineage: what the validation and the accounting cost.
- *polars*: a script by hand with polars and delta-rs that does the same checks: types, codes, units, ranges by signal,
  order of times, one row a key; pseudonyms for cases and patients; SHA-256 of each file and the number of the record;
  accepted and refused rows to two Delta tables. It keeps no ledger and no row hash, knows one layout, and holds
  everything in memory.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.benchmark import Bench, Benchmark, Figure, Target
from tests.bench.child import session, settings, timed
from tests.bench.data import LAYOUTS, SIGNALS, vitals

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

SITE = "bench"
CONTENT = ("patient_id", "case_id", "signal", "value", "unit", "device", "event_time", "known_time")


def ours(landing: str, lake: str) -> dict[str, object]:
    from infra.lake import Lake
    from ingestion.discovery import Delivery
    from ingestion.pipeline import ingest
    from oncolake.commands.options import lazy_session

    answer: dict[str, object] = {}
    known = settings(is_large=True)
    started = lazy_session(known)
    started()
    with timed(answer):
        report = ingest("vitals", [Delivery(Path(landing), SITE)], Lake.at(lake), known, started)
    counts = ("rows_in", "accepted", "quarantined", "duplicates")
    return answer | {name: sum(getattr(f, name) for f in report.files) for name in counts}


def plain_spark(landing: str, table: str, layout: str) -> dict[str, object]:
    from pyspark.sql import functions as F

    spark = session(is_large=True)
    answer: dict[str, object] = {}
    with timed(answer):
        lead = "case_id string, patient_id string, time timestamp"
        if layout == "wide":
            schema = f"{lead}, {', '.join(f'{name} double' for name in SIGNALS)}"
            pairs = ", ".join(f"'{name}', `{name}`, '{unit}'" for name, (unit, _, _) in SIGNALS.items())
            rows = spark.read.csv(landing, schema=schema, header=True).selectExpr(
                "case_id", "patient_id", "time", f"stack({len(SIGNALS)}, {pairs}) as (signal, value, unit)"
            )
            rows = rows.withColumn("device", F.lit(None).cast("string"))
        else:
            schema = f"{lead}, signal string, value double, unit string, device string"
            rows = spark.read.csv(landing, schema=schema, header=True)
        _write(rows.filter("value is not null"), F.col("time"), table)
    return answer | _written(table)


def plain_readers(landing: str, table: str) -> dict[str, object]:
    from pyspark.sql import functions as F

    from ingestion.discovery import Delivery, discover
    from ingestion.reading import new_readings, read_files
    from ingestion.registry import SOURCES

    spark = session(is_large=True)
    answer: dict[str, object] = {}
    known = settings()
    with timed(answer):
        files = discover(SOURCES["vitals"], [Delivery(Path(landing), SITE)])
        assert files[0].format is not None
        raw = files[0].format.raw
        sites = {SITE: known.site(SITE)}
        rows = read_files(spark, files, raw, "vitals", sites, known.pseudonymiser, new_readings(spark))
        _write(rows.drop("known_time"), F.col("event_time"), table)
    return answer | _written(table)


def _write(rows: "DataFrame", time: "Column", table: str) -> None:
    typed = rows.withColumns({"event_time": time, "known_time": time}).select(*CONTENT)
    typed.write.format("delta").mode("append").save(table)


def _written(table: str) -> dict[str, object]:
    """Rows of a peer's table, so that one that read nothing right is not taken for a fast one."""
    from pyspark.sql import functions as F

    rows = session(is_large=True).read.format("delta").load(table)
    n, dated = rows.agg(F.count("*"), F.count("event_time")).collect()[0]
    if n != dated:
        raise AssertionError(f"{n - dated} of {n} rows of the peer have no time")
    return {"rows": n}


def polars_script(landing: str, table: str, quarantine: str, layout: str) -> dict[str, object]:
    import hashlib

    import polars as pl
    from deltalake import write_deltalake

    from infra.tables.vitals import SIGNALS as DECLARED

    answer: dict[str, object] = {}
    keyed = settings().pseudonymiser
    with timed(answer):
        frames = []
        for path in sorted(Path(landing).glob("*.csv")):
            frame = pl.read_csv(path, infer_schema=False).with_row_index("file_row")
            if layout == "wide":
                index = ["file_row", "case_id", "patient_id", "time"]
                frame = frame.unpivot(list(SIGNALS), index=index, variable_name="signal")
                frame = frame.with_columns(
                    pl.col("signal").replace({s: u for s, (u, _, _) in SIGNALS.items()}).alias("unit"),
                    pl.lit(None, pl.String).alias("device"),
                )
            file_id = hashlib.sha256(path.read_bytes()).hexdigest()
            frames.append(frame.with_columns(pl.lit(file_id).alias("file_id")))
        rows = pl.concat(frames).filter(pl.col("value").is_not_null())
        hidden = {
            name: {i: keyed.identifier(SITE, i) for i in rows[name].unique() if i} for name in ("case_id", "patient_id")
        }
        ucum = {"mmHg": "mm[Hg]", "bpm": "/min", "/min": "/min", "%": "%", "°C": "Cel"}
        rows = rows.with_columns(
            *(pl.col(name).replace_strict(known) for name, known in hidden.items()),
            pl.col("unit").replace(ucum),
            pl.col("value").cast(pl.Float64, strict=False).alias("number"),
            pl.col("time").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC", strict=False)
            .alias("event_time"),
        ).with_columns(pl.col("event_time").alias("known_time"))  # fmt: skip
        low, high = ({s: d[i] for s, d in DECLARED.items()} for i in (1, 2))
        pseudonym = "^[a-z0-9]{26}$"
        key = ("case_id", "signal", "device", "event_time")
        checks = {
            "value is not a number": pl.col("number").is_null() | pl.col("number").is_nan(),
            "value is not plausible": ~pl.col("number").is_between(
                pl.col("signal").replace_strict(low, default=None), pl.col("signal").replace_strict(high, default=None)
            ),
            "signal is unknown": ~pl.col("signal").is_in(list(DECLARED)) | pl.col("signal").is_null(),
            "unit is wrong": pl.col("unit") != pl.col("signal").replace_strict(
                {s: d[0] for s, d in DECLARED.items()}, default=None
            ),
            "case is not given": pl.col("case_id").is_null() | ~pl.col("case_id").str.contains(pseudonym),
            "patient is no pseudonym": ~pl.col("patient_id").str.contains(pseudonym),
            "time is not given": pl.col("event_time").is_null(),
            "known before it happened": pl.col("known_time") < pl.col("event_time"),
            "key occurs twice": pl.struct(key).is_duplicated(),
        }  # fmt: skip
        reasons = [pl.when(broken.fill_null(value=False)).then(pl.lit(reason)) for reason, broken in checks.items()]
        rows = rows.with_columns(pl.concat_list(reasons).list.drop_nulls().alias("reasons"))
        is_good = pl.col("reasons").list.len() == 0
        lineage = (pl.lit(SITE).alias("site_id"), "file_id", "file_row")
        content = [c if c != "value" else pl.col("number").alias("value") for c in CONTENT]
        good = rows.filter(is_good).select(*content, *lineage)
        bad = rows.filter(~is_good).select(*CONTENT, *lineage, "reasons")
        if good.height + bad.height != rows.height:
            raise AssertionError("a record was lost")
        write_deltalake(table, good.to_arrow())
        write_deltalake(quarantine, bad.to_arrow())
    return answer | {"accepted": good.height, "quarantined": bad.height}


def run(bench: Bench) -> list[Figure]:
    figures = []
    layouts = LAYOUTS[: bench.sizes["layouts"]]
    for layout in layouts:
        n = bench.sizes["values"]
        landing = str(vitals(bench.data, layout, n, bench.sizes["values_per_file"]))
        place = bench.work / layout
        spark = bench.function(plain_spark, landing=landing, table=str(place / "spark"), layout=layout)
        readers = bench.function(plain_readers, landing=landing, table=str(place / "readers"))
        mine = bench.function(ours, landing=landing, lake=str(place / "lake"))
        polars = bench.function(
            polars_script, landing=landing, table=str(place / "polars"), quarantine=str(place / "bad"), layout=layout
        )
        same = [mine.answer[c] == polars.answer[c] for c in ("accepted", "quarantined")]
        if not all(same):
            raise RuntimeError(f"ours and polars disagree: {mine.answer} and {polars.answer}")
        records = int(str(mine.answer["rows_in"]))
        for peer in (spark, readers):
            # Spark's reader drops what is no number, which are 2 in 10,000.
            if not 0.999 * records <= int(str(peer.answer["rows"])) <= records:
                raise RuntimeError(f"of {records} records the peer wrote {peer.answer['rows']}")
        what = f"{mine.answer['rows_in']:,} values, {layout} CSV"
        for name, peer, target in (
            ("plain Spark", spark, Target("at most", 1.5)),
            ("our readers, plain", readers, Target("at most", 1.5)),
            ("polars", polars, None),
        ):
            figures.append(Figure(what, mine.text, f"{name}: {peer.text}", mine.seconds / peer.seconds, "x", target))
    return figures


BENCHMARK = Benchmark(
    name="vitals_ingest",
    title="Vital signs from CSV to validated Delta",
    sizes={
        "tiny": {"values": 20_000, "values_per_file": 10_000, "layouts": 1},
        "small": {"values": 1_000_000, "values_per_file": 100_000, "layouts": 2},
        "full": {"values": 20_000_000, "values_per_file": 200_000, "layouts": 2},
    },
    run=run,
)
