"""Arterial pressure over the last 1 to 60 minutes, each minute of a case: what a monitor could predict from."""

from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F

from features.tables.minute_bins import DEFINITION, MAP_LIMIT_MMHG, SIGNALS, minute_bins
from features.view import Feature, GoldView, Silver

WINDOWS_MIN = (5, 15, 30, 60)
"""Windows over bins; the 1-minute window is the bin itself, over its single values."""

_LAST = {
    "map_mmhg": ("mean arterial pressure", "mm[Hg]"),
    "sbp_mmhg": ("systolic pressure", "mm[Hg]"),
    "dbp_mmhg": ("diastolic pressure", "mm[Hg]"),
    "hr_per_min": ("heart rate", "/min"),
    "spo2_percent": ("oxygen saturation", "%"),
}
_RAW = {
    "map_mean_1min_mmhg": ("map_raw_mean_mmhg", "mean MAP of the minute", "mm[Hg]"),
    "map_min_1min_mmhg": ("map_raw_min_mmhg", "lowest MAP of the minute", "mm[Hg]"),
    "map_max_1min_mmhg": ("map_raw_max_mmhg", "highest MAP of the minute", "mm[Hg]"),
    "map_sd_1min_mmhg": ("map_raw_sd_mmhg", "standard deviation of MAP within the minute", "mm[Hg]"),
    "map_arv_1min_mmhg": (
        "map_raw_arv_mmhg",
        "average real variability of MAP within the minute: mean step between successive readings",
        "mm[Hg]",
    ),
    "map_slope_1min_mmhg_per_min": ("map_raw_slope_mmhg_per_min", "slope of MAP within the minute", "mm[Hg]/min"),
}
_WINDOW = {
    "map_mean_{w}min_mmhg": ("mean of the bins' MAP", "mm[Hg]"),
    "map_min_{w}min_mmhg": ("lowest bin of MAP", "mm[Hg]"),
    "map_max_{w}min_mmhg": ("highest bin of MAP", "mm[Hg]"),
    "map_sd_{w}min_mmhg": ("standard deviation of the bins' MAP", "mm[Hg]"),
    "map_arv_{w}min_mmhg": (
        "average real variability of MAP: mean step between bins of successive minutes; gaps are not bridged",
        "mm[Hg]",
    ),
    "map_slope_{w}min_mmhg_per_min": ("slope of the bins' MAP by least squares", "mm[Hg]/min"),
    "map_area_lt65_{w}min_mmhg_min": ("area of MAP below 65 mmHg", "mm[Hg].min"),
    "map_twa_lt65_{w}min_mmhg": ("area below 65 mmHg over the minutes observed", "mm[Hg]"),
    "map_observed_{w}min_min": ("minutes with MAP", "min"),
}
_SOURCES = ("vital_sign.value", "vital_sign.signal", "vital_sign.event_time")


def build(silver: Silver) -> DataFrame:
    """One row for each case and minute with any value. See `view` for the features."""
    bins = minute_bins(silver["vital_sign"]).withColumn("step_mmhg", _step())
    # Only inputs of the longest window decide when the row is known and which files it rests on.
    longest = _window(max(WINDOWS_MIN))
    rows = bins.select(
        "case_id",
        F.col("bin_end").alias("event_time"),
        F.max("known_time").over(longest).alias("known_time"),
        *SIGNALS.values(),
        (F.col("sbp_mmhg") - F.col("dbp_mmhg")).alias("pulse_pressure_mmhg"),
        *(F.col(raw).alias(name) for name, (raw, _, _) in _RAW.items()),
        _area_of_bin().alias("map_area_lt65_1min_mmhg_min"),
        # One minute observed: mmHg.min over a minute.
        _area_of_bin().alias("map_twa_lt65_1min_mmhg"),
        *(column for w in WINDOWS_MIN for column in _over(w)),
        F.array_sort(F.array_distinct(F.flatten(F.collect_set("file_ids").over(longest)))).alias("file_ids"),
    )
    return rows.select(*view.columns)


def _window(minutes: int) -> WindowSpec:
    """The last `minutes` bins of the clock, the row's own included; bins that are absent stay absent."""
    return Window.partitionBy("case_id").orderBy("minute").rangeBetween(-(minutes - 1), 0)


def _area_of_bin() -> Column:
    """Area below the limit in one bin, in mmHg·min: the depth, since a bin lasts a minute."""
    return F.greatest(F.lit(MAP_LIMIT_MMHG) - F.col("map_mmhg"), F.lit(0.0)) + F.col("map_mmhg") * 0


def _step() -> Column:
    """From the bin of the minute before to this one, without sign; null where either has no MAP."""
    before = Window.partitionBy("case_id").orderBy("minute").rangeBetween(-1, -1)
    return F.abs(F.col("map_mmhg") - F.max("map_mmhg").over(before))


def _over(w: int) -> list[Column]:
    window = _window(w)
    pressure = F.col("map_mmhg")
    area = F.sum(_area_of_bin()).over(window)
    observed = F.count(pressure).over(window)
    columns = [
        F.mean(pressure).over(window),
        F.min(pressure).over(window),
        F.max(pressure).over(window),
        F.stddev_samp(pressure).over(window),
        # The first bin's step came from outside of the window.
        F.mean("step_mmhg").over(_window(w - 1)),
        F.regr_slope(pressure, F.col("minute").cast("double")).over(window),
        area,
        F.try_divide(area, observed),
        observed.cast("int"),
    ]
    return [c.alias(name.format(w=w)) for c, name in zip(columns, _WINDOW, strict=True)]


view = GoldView(
    name="vital_window",
    entity="case",
    description="Arterial pressure, heart rate and saturation, each minute of a case, with windows of the past.",
    inputs=("vital_sign",),
    # Five minutes without a value, and the last one says nothing about now.
    ttl=timedelta(minutes=5),
    # A bin ends a minute after its first value, and is seen by the 59 bins after it.
    looks_back=timedelta(minutes=max(WINDOWS_MIN)),
    features=(
        *(
            Feature(name, "double", f"Median {text} of the minute.", DEFINITION, _SOURCES, unit)
            for name, (text, unit) in _LAST.items()
        ),
        Feature(
            "pulse_pressure_mmhg",
            "double",
            "Systolic less diastolic pressure of the minute.",
            DEFINITION,
            _SOURCES,
            "mm[Hg]",
        ),
        *(
            Feature(name, "double", f"{text[0].upper()}{text[1:]}.", DEFINITION, _SOURCES, unit)
            for name, (_, text, unit) in _RAW.items()
        ),
        Feature(
            "map_area_lt65_1min_mmhg_min",
            "double",
            "Area of MAP below 65 mmHg in the minute.",
            DEFINITION,
            _SOURCES,
            "mm[Hg].min",
        ),
        Feature(
            "map_twa_lt65_1min_mmhg",
            "double",
            "Area of MAP below 65 mmHg in the minute, over the minute.",
            DEFINITION,
            _SOURCES,
            "mm[Hg]",
        ),
        *(
            Feature(
                name.format(w=w),
                "int" if name.endswith("_min") and "observed" in name else "double",
                f"Over {w} minutes: {text}.",
                DEFINITION,
                _SOURCES,
                unit,
            )
            for w in WINDOWS_MIN
            for name, (text, unit) in _WINDOW.items()
        ),
    ),
    build=build,
    modality="vitals",
    owner="monitoring",
)
