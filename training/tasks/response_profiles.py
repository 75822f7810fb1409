"""Groups of patients whose cytokines and vesicles take a similar course during treatment."""

from collections.abc import Sequence
from functools import partial

from training.task import Candidate, Task, late
from training.tasks.clinical import clinical_only
from training.tasks.landmark import LANDMARK_DAY, survival_labels

MODELS = "training.profiles.clustering"
COURSES = {
    "cytokine_kinetics": ("_log2_change",),
    "exosome_summary": ("log2_concentration_change", "mode_change_nm"),
}


def course_columns(columns: Sequence[str]) -> list[str]:
    """How each cytokine and the vesicles changed since baseline; where a patient began is not how they respond.

    One column a quantity: the slope and the last value of a cytokine, or the share of small vesicles beside their mode,
    say the same again and would count it twice.
    """
    return [c for c in columns if c.partition("__")[2].endswith(COURSES.get(c.partition("__")[0], ()))]


task = Task(
    name="response_profiles",
    question="Which patients respond alike, judged by the course of cytokines and vesicles in their blood, and do such "
    "groups fare differently?",
    cohort=f"Patients with a first fraction of radiotherapy alive and followed beyond day {LANDMARK_DAY} of it; who "
    "has less than half of the measures is placed in no group.",
    prediction_time=f"{LANDMARK_DAY} days after the first fraction (landmark).",
    horizon="Groups are made without outcomes; afterwards their survival from the landmark on is compared.",
    kind="profiles",
    entity="patient_id",
    service="response_profiles_v1",
    build_labels=partial(survival_labels, endpoint="OS"),
    primary_metric="stability_ari",
    reference="clinical_groups",
    candidates=(
        Candidate(
            "one_group", "Everyone in one group.", late(MODELS, "one_group"), uses=lambda columns: [], is_baseline=True
        ),
        Candidate(
            "clinical_groups",
            "Groups of age, Karnofsky status and MGMT alone (k-means).",
            late(MODELS, "k_means"),
            uses=clinical_only,
        ),
        Candidate("k_means", "k-means over the changes since baseline.", late(MODELS, "k_means"), uses=course_columns),
        Candidate(
            "gaussian_mixture",
            "Gaussian mixture over the changes since baseline.",
            late(MODELS, "gaussian_mixture"),
            uses=course_columns,
        ),
        Candidate(
            "hierarchical",
            "Ward's hierarchical clustering over the changes since baseline.",
            late(MODELS, "hierarchical"),
            uses=course_columns,
        ),
    ),
)
