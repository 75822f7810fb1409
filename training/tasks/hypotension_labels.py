"""Labels of hypotension ahead, minute by minute, in the forward framing: every observed minute is scored.

No minute is left out because the pressure is low, near the limit or steady, so the numbers say what a monitor would
have shown (Enevoldsen and Vistisen 2022 on what choosing minutes by their outcome does).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from infra.current import current_arrow, pinned_or_newest
from infra.lake import Lake
from training.task import LABEL, PREDICTION_TIME, SITE, Labels

if TYPE_CHECKING:
    import pandas as pd

CASE = "case_id"
GROUP = "group_id"
MAP_NOW = "map_now_mmhg"
TARGET_MAP = "map_then_mmhg"
MINUTE_US = 60_000_000


def hypotension_labels(lake: Lake, lead_minutes: int, *, versions: Mapping[str, int] | None = None) -> Labels:
    """One row for each case and minute that has a MAP bin now and one `lead_minutes` later.

    LABEL: whether the later bin is below 65 mmHg, by definition `hypotension.map_lt65_60s`. PREDICTION_TIME is the
    end of the bin of now. Further columns: GROUP (the patient, or the case where no file names its patient), MAP_NOW
    and TARGET_MAP in mmHg.
    """
    read = pinned_or_newest(lake, ["vital_sign"], versions)
    values = current_arrow(lake, "vital_sign", read["vital_sign"], where={"signal": "MAP"})
    bins = map_bins(values)
    labelled = label_bins(bins, lead_minutes)
    flow = {
        "cases with MAP": int(bins[CASE].nunique()),
        "minutes with MAP": len(bins),
        f"of these with MAP {lead_minutes} minutes later": len(labelled),
    }
    files = tuple(sorted(values["file_id"].unique().to_pylist()))
    return Labels(labelled, read, files, flow)


def map_bins(values: pa.Table) -> "pd.DataFrame":
    """Bins of 60 seconds, aligned to whole minutes of UTC: the median of the MAP values in [minute - 60 s, minute).

    Columns: case_id, minute (whole minutes since 1970, UTC, of the bin's end), map_mmhg, patient_id, site_id.
    The same definition as the feature view's (`features.tables.minute_bins`), which the tests hold together.
    """
    import duckdb

    plain = values.select([CASE, "patient_id", SITE, "value"]).append_column(
        "us", values["event_time"].cast(pa.int64())
    )
    with duckdb.connect() as connection:
        connection.register("plain", plain)
        bins: pd.DataFrame = connection.sql(f"""
            SELECT {CASE}, (us - (us % {MINUTE_US} + {MINUTE_US}) % {MINUTE_US}) // {MINUTE_US} + 1 AS minute,
                   median("value") AS map_mmhg, min(patient_id) AS patient_id, min({SITE}) AS {SITE}
            FROM plain GROUP BY ALL ORDER BY {CASE}, minute
        """).df()
    return bins


def label_bins(bins: "pd.DataFrame", lead_minutes: int) -> "pd.DataFrame":
    """The label frame of `hypotension_labels` from the bins of `map_bins`; a minute without a target is left out."""
    import pandas as pd

    from features.tables.minute_bins import MAP_LIMIT_MMHG

    later = bins[[CASE, "minute", "map_mmhg"]].rename(columns={"map_mmhg": TARGET_MAP})
    later = later.assign(minute=later["minute"] - lead_minutes)
    pairs = bins.rename(columns={"map_mmhg": MAP_NOW}).merge(later, on=[CASE, "minute"], how="inner")
    # Microseconds throughout: de-identified records lie in years that nanoseconds cannot hold.
    time = pd.DatetimeIndex((pairs["minute"].to_numpy() * MINUTE_US).astype("datetime64[us]")).tz_localize("UTC")
    # A case belongs to one patient: a file that names the patient speaks for the minutes of one that does not.
    patient = pairs.groupby(CASE)["patient_id"].transform("first")
    pairs[PREDICTION_TIME] = time
    pairs[GROUP] = patient.fillna(pairs[CASE])
    pairs[LABEL] = pairs[TARGET_MAP] < MAP_LIMIT_MMHG
    columns = [CASE, PREDICTION_TIME, SITE, GROUP, LABEL, MAP_NOW, TARGET_MAP]
    return pairs.sort_values([CASE, "minute"])[columns].reset_index(drop=True)
