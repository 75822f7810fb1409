"""MGMT promoter methylation from what else is known of the tumour; for study archives without dates."""

from collections.abc import Mapping

from infra.current import pinned_or_newest
from infra.lake import Lake
from training.task import LABEL, Labels, Task
from training.tasks.archive import KNOWN, PREDICTION, of_archives
from training.tasks.candidates import class_candidates, without_histories
from training.tasks.clinical import clinical_and_grade
from training.tasks.landmark import PATIENT, patient_labels
from training.tasks.mgmt_methylation import last_clear, mgmt_results


def mgmt_of_archives(lake: Lake, *, versions: Mapping[str, int] | None = None) -> Labels:
    """Whether the MGMT promoter is methylated, for patients of archives without dates. The latest clear call counts."""
    read = pinned_or_newest(lake, ("biomarker",), versions)
    results = mgmt_results(lake, read)
    undated = of_archives(results)
    kept = last_clear(undated)
    kept = kept.assign(**{LABEL: kept[LABEL].astype(bool)})
    flow = {
        "patients on whose MGMT a file says something": int(results[PATIENT].nunique()),
        "of these in an archive without dates": int(undated[PATIENT].nunique()),
        "of these with a clear result": len(kept),
    }
    return patient_labels(kept, [LABEL], read, flow)


task = Task(
    name="mgmt_from_tumour",
    question="How far do the tumour's grade, other markers and mutational burden tell whether its MGMT promoter is "
    "methylated?",
    cohort="Patients of study archives without dates (cBioPortal) with a clear MGMT result.",
    prediction_time=PREDICTION,
    horizon="The archive's call: methylated (positive) against unmethylated.",
    kind="classes",
    entity="patient_id",
    service="mgmt_from_tumour_v1",
    build_labels=mgmt_of_archives,
    primary_metric="auroc",
    reference="clinical_logistic",
    candidates=without_histories(
        class_candidates("The share of methylated tumours, for everyone."), KNOWN, clinical_and_grade
    ),
    of_archives=True,
)
