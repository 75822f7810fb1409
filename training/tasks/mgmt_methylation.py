"""MGMT promoter methylation from imaging alone."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from infra.current import current_arrow, pinned_or_newest
from infra.lake import Lake
from training.task import LABEL, SITE, Labels, Task
from training.tasks.candidates import class_candidates
from training.tasks.landmark import PATIENT, patient_labels
from training.tasks.scans import MEASURED_DAYS, SCAN_TABLES, courses, last_before, scans

if TYPE_CHECKING:
    import pandas as pd

CALLS = {"methylated": True, "unmethylated": False}
GREY_PERCENT = (5.0, 12.0)
"""Where a laboratory gives a percentage and no call: below, unmethylated; above, methylated; between, neither. Cut-offs
of pyrosequencing lie between these, and no two laboratories measure the same sites alike."""


def mgmt_labels(lake: Lake, *, versions: Mapping[str, int] | None = None) -> Labels:
    """Whether the tumour's MGMT promoter is methylated, for patients with a baseline MR scan.

    The latest clear result of a patient counts, as in the feature `is_mgmt_methylated`. Results in the grey zone and
    tests that were not done leave a patient out. The baseline scan is the last one not after the first fraction of
    radiotherapy, or the first one of all where no file has a fraction; the prediction is MEASURED_DAYS after it.
    """
    read = pinned_or_newest(lake, ("biomarker", *SCAN_TABLES), versions)
    frame = mgmt_results(lake, read)
    reported = frame[frame["call"].notna() & frame["call"].ne("not done") | frame["value"].notna()]
    clear = last_clear(frame)
    kept = clear.merge(last_before(scans(lake, read), courses(lake, read)), on=PATIENT, how="inner")
    kept[LABEL] = kept[LABEL].astype(bool)
    flow = {
        "patients on whose MGMT a file says something": int(frame[PATIENT].nunique()),
        "of these with a result": int(reported[PATIENT].nunique()),
        "of these outside of the grey zone": len(clear),
        "of these with an MR scan before radiotherapy": len(kept),
    }
    return patient_labels(kept, [LABEL], read, flow)


def mgmt_results(lake: Lake, versions: Mapping[str, int]) -> "pd.DataFrame":
    """What files say of MGMT: patient, two times, call, value, unit, site, file, row; and LABEL, null for neither."""
    results = current_arrow(lake, "biomarker", versions["biomarker"], where={"marker": "MGMT"})
    columns = [PATIENT, "event_time", "known_time", "call", "value", "unit", SITE, "file_id", "file_row"]
    frame: pd.DataFrame = results.select(columns).to_pandas()
    frame[LABEL] = methylated(frame)
    return frame


def last_clear(results: "pd.DataFrame") -> "pd.DataFrame":
    """Of each patient the latest clear result."""
    order = ["event_time", "known_time", "file_id", "file_row"]
    return results[results[LABEL].notna()].sort_values(order).groupby(PATIENT).tail(1)


def methylated(results: "pd.DataFrame") -> "pd.Series":
    """True, False, or null for neither: by the laboratory's call, and by the percentage where there is no call."""
    low, high = GREY_PERCENT
    called = results["call"].map(CALLS).astype("boolean")
    percent = results["value"].where(results["unit"].eq("%") & results["call"].isna())
    measured = (percent > high).astype("boolean").where((percent < low) | (percent > high))
    return called.fillna(measured)


task = Task(
    name="mgmt_methylation",
    question="How far do this tumour's MR images tell whether its MGMT promoter is methylated, when published models "
    "fell to an AUROC of 0.56 on external data?",
    cohort="Patients with a clear MGMT result and an MR scan before radiotherapy; the grey zone of the assay is left "
    "out.",
    prediction_time=f"{MEASURED_DAYS} days after the last MR scan before the first fraction.",
    horizon="The laboratory's call: methylated (positive) against unmethylated.",
    kind="classes",
    entity="patient_id",
    service="mgmt_methylation_v1",
    build_labels=mgmt_labels,
    primary_metric="auroc",
    reference="clinical_logistic",
    candidates=class_candidates("The share of methylated tumours, for everyone.", "age and Karnofsky status"),
)
