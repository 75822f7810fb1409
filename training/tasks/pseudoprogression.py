"""Pseudoprogression or progression, when the first scan after radiotherapy looks like progression."""

from collections.abc import Mapping

from infra.current import pinned_or_newest
from infra.lake import Lake
from training.task import LABEL, PREDICTION_TIME, Labels, Task
from training.tasks.candidates import class_candidates
from training.tasks.landmark import PATIENT, last_assessments, outcomes, patient_labels
from training.tasks.scans import MEASURED_DAYS, SCAN_TABLES, courses, first_after, scans


def pseudoprogression_labels(lake: Lake, *, versions: Mapping[str, int] | None = None) -> Labels:
    """Whether apparent progression in the first scan after radiotherapy proved to be pseudoprogression.

    A patient has apparent progression where a file judges it: endpoint pseudoprogression, is_event true
    (pseudoprogression) or false (progression). Of several verdicts the last counts; one that leaves it open (is_event
    null) is none. The prediction is MEASURED_DAYS after the scan, and only verdicts after it are to be predicted.
    """
    read = pinned_or_newest(lake, ("outcome", *SCAN_TABLES), versions)
    given = courses(lake, read)
    suspected = outcomes(lake, "pseudoprogression", read).merge(given[[PATIENT]], on=PATIENT, how="inner")
    verdicts = last_assessments(suspected[suspected["is_event"].notna()])
    seen = verdicts.merge(first_after(scans(lake, read), given), on=PATIENT, how="inner")
    kept = seen[seen["outcome_time"] > seen[PREDICTION_TIME]].copy()
    kept[LABEL] = kept["is_event"].astype(bool)
    flow = {
        "patients with a fraction of radiotherapy": len(given),
        "of these with apparent progression": int(suspected[PATIENT].nunique()),
        "of these with a verdict": len(verdicts),
        "of these with an MR scan after radiotherapy": len(seen),
        f"of these with the verdict more than {MEASURED_DAYS} days after the first one": len(kept),
    }
    return patient_labels(kept, [LABEL], read, flow)


task = Task(
    name="pseudoprogression",
    question="The first scan after radiotherapy looks like progression: is it pseudoprogression?",
    cohort="Patients with apparent progression on which a file gives a verdict (a later scan, histology), scanned by "
    "MR after a course of radiotherapy and before the verdict. Whom nobody could judge is not among them.",
    prediction_time=f"{MEASURED_DAYS} days after the first MR scan that follows the last fraction of the course.",
    horizon="The last verdict: pseudoprogression (positive) against progression.",
    kind="classes",
    entity="patient_id",
    service="pseudoprogression_v1",
    build_labels=pseudoprogression_labels,
    primary_metric="auroc",
    reference="clinical_logistic",
    candidates=class_candidates("The share of pseudoprogression, for everyone."),
)
