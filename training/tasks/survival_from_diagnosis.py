"""Overall survival from the diagnosis, from the tumour alone; for study archives without dates."""

from collections.abc import Mapping

from infra.current import current_arrow, pinned_or_newest
from infra.lake import Lake
from training.task import IS_EVENT, PREDICTION_TIME, SITE, TIME_DAYS, Labels, Task
from training.tasks.archive import KNOWN, PREDICTION, WORKED_UP_DAYS, of_archives
from training.tasks.candidates import survival_candidates, without_histories
from training.tasks.clinical import clinical_and_grade
from training.tasks.landmark import PATIENT, days_between, last_assessments, outcomes, patient_labels


def survival_of_archives(lake: Lake, *, versions: Mapping[str, int] | None = None) -> Labels:
    """Days from the prediction to death, for patients of archives without dates who were followed beyond it."""
    read = pinned_or_newest(lake, ("patient", "outcome"), versions)
    patients = current_arrow(lake, "patient", read["patient"]).select([PATIENT, "event_time", SITE, "file_id"])
    described = of_archives(patients.to_pandas()).rename(columns={"file_id": "patient_file_id"}).drop(columns=SITE)
    followed = described.merge(last_assessments(outcomes(lake, "OS", read)), on=PATIENT, how="inner")
    kept = followed[followed["outcome_time"] > followed[PREDICTION_TIME]].copy()
    kept[TIME_DAYS] = days_between(kept[PREDICTION_TIME], kept["outcome_time"])
    kept[IS_EVENT] = kept["is_event"].astype(bool)
    flow = {
        "patients of archives without dates": len(described),
        "of these with OS": len(followed),
        f"of these followed beyond day {WORKED_UP_DAYS}": len(kept),
    }
    return patient_labels(kept, [TIME_DAYS, IS_EVENT], read, flow)


task = Task(
    name="survival_from_diagnosis",
    question="Given the patient's age and what was found in the tumour, how long will this patient live?",
    cohort="Patients of study archives without dates (cBioPortal), followed beyond day "
    f"{WORKED_UP_DAYS} of the archive.",
    prediction_time=PREDICTION,
    horizon="Death of any cause, from the prediction to the end of follow-up.",
    kind="survival",
    entity="patient_id",
    service="survival_from_diagnosis_v1",
    build_labels=survival_of_archives,
    primary_metric="uno_c",
    reference="clinical_cox",
    horizon_days=2 * 365.0,
    candidates=without_histories(survival_candidates(), f"{KNOWN}, and MGMT", clinical_and_grade),
    of_archives=True,
)
