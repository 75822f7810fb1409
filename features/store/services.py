"""Which features each task is served: plain data, so that a run's definitions can be hashed without Feast."""

from features.tables import VIEWS
from features.tables.cytokine_kinetics import ANALYTES
from infra.errors import UsageError

_PATIENT: dict[str, tuple[str, ...]] = {
    "clinical_profile": (
        "age_years",
        "is_female",
        "karnofsky",
        "mgmt_percent",
        "is_mgmt_methylated",
        "pdl1_tps_percent",
        "is_idh1_mutant",
        "n_fractions_given",
        "radiotherapy_dose_gy",
        "n_infusions_given",
        "n_operations",
        "has_corticosteroid",
    ),
    "cytokine_kinetics": tuple(
        f"{analyte.lower()}_{part}"
        for analyte in ANALYTES
        for part in ("baseline_pg_per_ml", "last_pg_per_ml", "log2_change", "log2_slope_per_d", "share_censored")
    ),
    "olink_profile": tuple(f"{a.lower()}_{part}_npx" for a in ANALYTES for part in ("baseline", "change")),
    "exosome_summary": (
        "concentration_per_ml",
        "baseline_concentration_per_ml",
        "log2_concentration_change",
        "mode_nm",
        "mean_nm",
        "d50_nm",
        "span",
        "share_30_150nm",
        "cv_videos",
        "mode_change_nm",
        "share_30_150nm_change",
        "n_samples",
    ),
    "burden": ("tmb_cbioportal_per_mb", "tmb_maftools_per_mb", "is_hypermutated"),
    "imaging_availability": (
        "n_studies",
        "n_series",
        "n_mr_studies",
        "has_t1",
        "has_t1gd",
        "has_t2",
        "has_flair",
        "has_dwi",
        "has_dsc",
        "mr_follow_up_d",
        "last_mr_after_first_fraction_d",
    ),
}

_VITALS_V1: tuple[str, ...] = tuple(
    f.name
    for f in VIEWS["vital_window"].features
    if "_arv_" not in f.name and f.name not in ("map_mean_1min_mmhg", "map_twa_lt65_1min_mmhg")
)
"""What the view had when hypotension_v1 was made."""
_VITALS_V2: tuple[str, ...] = tuple(f.name for f in VIEWS["vital_window"].features)
"""With the variability of pressure, and the minute itself; `dbp_mmhg` is the last diastolic pressure."""

_SCANS: dict[str, tuple[str, ...] | None] = {
    "imaging_measures": (
        "measures",
        "baseline",
        "last",
        "change",
        "largest_volume_last_ml",
        "largest_volume_baseline_ml",
        "largest_volume_ratio",
        "n_regions",
    )
}
_HISTORY: dict[str, tuple[str, ...] | None] = {
    "measurement_history": ("measures", "modalities", "values", "observed_at")
}
_COURSE: dict[str, tuple[str, ...] | None] = {**_PATIENT, **_SCANS, **_HISTORY}
"""A patient's course: what v1 served, the scans' measures, and every measurement by itself."""

_PERSON = ("age_years", "is_female", "karnofsky")
_TUMOUR: dict[str, tuple[str, ...] | None] = {
    "tumour_markers": (
        "who_grade",
        "is_idh_mutant",
        "is_1p19q_codeleted",
        "is_tert_mutant",
        "is_atrx_mutant",
        "is_braf_v600e",
        "tmb_reported_per_mb",
    ),
    "burden": ("tmb_cbioportal_per_mb", "tmb_maftools_per_mb", "is_hypermutated"),
}

SERVICES: dict[str, dict[str, tuple[str, ...] | None]] = {
    "overall_survival_v1": dict(_PATIENT),
    "treatment_response_v1": dict(_PATIENT),
    "overall_survival_v2": dict(_COURSE),
    "treatment_response_v2": dict(_COURSE),
    "recurrence_v1": dict(_COURSE),
    "response_profiles_v1": dict(_COURSE),
    "pseudoprogression_v1": dict(_COURSE),
    # Nothing that the laboratory found: what is asked is what the images tell.
    "mgmt_methylation_v1": {
        "clinical_profile": _PERSON,
        "imaging_measures": ("measures", "baseline", "largest_volume_baseline_ml", "n_regions"),
    },
    # Of an archive without dates: what is known of the tumour once its sample is worked up; without and with MGMT.
    "mgmt_from_tumour_v1": {"clinical_profile": _PERSON, **_TUMOUR},
    "survival_from_diagnosis_v1": {"clinical_profile": (*_PERSON, "is_mgmt_methylated"), **_TUMOUR},
    "hypotension_v1": {"vital_window": _VITALS_V1},
    "hypotension_v2": {"vital_window": _VITALS_V2},
}
"""Service -> its feature views -> their features; None: all of them. A change of what is served makes a new name."""


def served(service: str) -> list[str]:
    """The feature columns of a service, as `<view>__<feature>`, in their order."""
    return [
        f"{view}__{name}"
        for view, names in SERVICES[service].items()
        for name in (names if names is not None else [f.name for f in VIEWS[view].features])
    ]


def views_of(service: str) -> list[str]:
    """The feature views that a service draws on. Raises UsageError on an unknown service."""
    if service not in SERVICES:
        raise UsageError(f"There is no feature service {service}; the services are {', '.join(SERVICES)}.")
    return list(SERVICES[service])


def join_key(service: str) -> str:
    """The entity column of a service's labels. Raises UsageError on an unknown service."""
    return VIEWS[views_of(service)[0]].join_key
