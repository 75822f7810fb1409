"""The demo's patients as models see them, without files and without a lake: features, histories and outcomes.

What drives the outcomes is written in `oncolake.demo.truth`: survival follows the changes of IL6 and of the vesicles,
MGMT, age and Karnofsky status; response the changes of CXCL8 and IFNG and the burden seen through the vesicles.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from oncolake.demo import cytokine_files, truth
from oncolake.demo.radiomics_files import MEASURES as IMAGING
from oncolake.demo.study import Patient, rng_of, simulate
from training.columns import DAYS_BEFORE, MEASURES, TOKEN_MODALITIES, VALUES
from training.models.survival import outcome

ANALYTES = ("IL6", "CXCL8", "IL10", "TNF", "IFNG", "CCL2", "VEGFA", "CD274")
LANDMARK = truth.LANDMARK_DAYS
Token = tuple[str, str, float, float]


@dataclass(frozen=True)
class Cohort:
    """Features with targets of the patients that each task has: rows of `features` by position."""

    features: pd.DataFrame
    survival_rows: npt.NDArray[np.intp]
    survival: npt.NDArray[np.void]
    recurrence_rows: npt.NDArray[np.intp]
    recurrence: npt.NDArray[np.void]
    response_rows: npt.NDArray[np.intp]
    response: npt.NDArray[np.bool_]


def cohort(n: int, seed: int) -> Cohort:
    """n patients drawn as the demo draws them, seen on the landmark day."""
    patients = simulate(n, seed)
    histories = [_history(p, seed) for p in patients]
    features = pd.DataFrame([_numbers(p, h, seed) for p, h in zip(patients, histories, strict=True)])
    for place, column in enumerate((MEASURES, TOKEN_MODALITIES, VALUES, DAYS_BEFORE)):
        arrays: list[Any] = [np.array([t[place] for t in h]) if h else None for h in histories]
        features[column] = pd.Series(arrays, dtype=object)
    alive = np.array([p.os_days > LANDMARK for p in patients])
    free = alive & np.array([p.pfs_days > LANDMARK for p in patients])
    told = alive & np.array([p.is_responder is not None for p in patients])
    rows = {name: np.flatnonzero(mask) for name, mask in (("s", alive), ("r", free), ("a", told))}
    died = [patients[i] for i in rows["s"]]
    grew = [patients[i] for i in rows["r"]]
    return Cohort(
        features=features,
        survival_rows=rows["s"],
        survival=outcome([p.os_days - LANDMARK for p in died], [p.is_dead for p in died]),
        recurrence_rows=rows["r"],
        recurrence=outcome(
            [p.pfs_days - LANDMARK for p in grew],
            [p.is_progressed for p in grew],
            [p.is_dead and not p.is_progressed for p in grew],
        ),
        response_rows=rows["a"],
        response=np.array([bool(patients[i].is_responder) for i in rows["a"]]),
    )


def _history(patient: Patient, seed: int) -> list[Token]:
    tokens: list[Token] = []
    first = patient.first_fraction.date()
    for visit in patient.visits:
        day = (visit.collected.date() - first).days
        if day > 35:
            continue  # its results are not known at the landmark
        before = float(LANDMARK - day)
        rng = rng_of(seed, "noise", patient.index, *visit.timepoint.encode())
        if visit.has_cytokines:
            log2 = cytokine_files.true_log2(patient, visit.timepoint, seed)
            log2 = log2 + truth.NOISE_CYTOKINE_LOG2 * rng.standard_normal(len(log2))
            tokens += [(a, "cytokines", float(v), before) for a, v in zip(ANALYTES, log2, strict=True)]
        if visit.has_exosomes:
            latent = patient.latent
            change = truth.EXOSOME_CHANGE_MEAN + truth.EXOSOME_CHANGE_SD * latent.exosome_change_z
            log2_per_ml = truth.EXOSOME_LOG2_BASELINE + truth.EXOSOME_LOG2_BURDEN * latent.burden_z
            log2_per_ml += truth.KINETICS[visit.timepoint] * change + truth.NOISE_EXOSOME_LOG2 * rng.standard_normal()
            mode = 105 + 12 * rng.standard_normal()
            sizes = {"mode_nm": mode, "mean_nm": 1.25 * mode + 4 * rng.standard_normal(), "d50_nm": 1.1 * mode}
            tokens.append(("concentration_per_ml", "exosomes", float(2.0**log2_per_ml), before))
            tokens += [(name, "exosomes", float(v), before) for name, v in sizes.items()]
    rng = rng_of(seed, "scan noise", patient.index)
    baseline = [when for name, when in patient.scans if name == "baseline"]
    if baseline:
        before = float(LANDMARK - (baseline[0].date() - first).days)
        for name in _imaging_names():
            effect = truth.MGMT_ON_IMAGING.get(name, 0.0) * (patient.latent.is_mgmt_methylated - truth.MGMT_SHARE)
            tokens.append((name, "imaging", float(rng.standard_normal() + effect), before))
    if patient.is_sequenced:
        tokens.append(("tmb_per_mb", "burden", float(np.exp(0.8 + 0.7 * rng.standard_normal())), float(LANDMARK + 30)))
    return tokens


def _imaging_names() -> list[str]:
    regions = [(region, m.feature) for table in IMAGING for region, measures in table.regions.items() for m in measures]
    return [f"{region}: {name}" for region, name in regions]


def _numbers(patient: Patient, history: list[Token], seed: int) -> dict[str, float]:
    """The columns of the feature views that a table model sees."""
    rng = rng_of(seed, "numbers", patient.index)
    row: dict[str, float] = {
        "clinical_profile__age_years": patient.latent.age_years,
        "clinical_profile__is_female": float(patient.is_female),
        "clinical_profile__karnofsky": float(patient.latent.kps) if patient.has_kps else np.nan,
        "clinical_profile__mgmt_percent": np.nan if patient.mgmt_percent is None else patient.mgmt_percent,
        "clinical_profile__is_mgmt_methylated": _mgmt(patient.mgmt_percent),
        "clinical_profile__pdl1_tps_percent": np.nan if patient.pdl1_percent is None else patient.pdl1_percent,
        "clinical_profile__is_idh1_mutant": float(patient.is_idh1_mutant),
        "clinical_profile__n_operations": float(rng.integers(1, 3)),
        "clinical_profile__has_corticosteroid": float(patient.dexamethasone_mg is not None),
    }
    series: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for measure, modality, value, before in history:
        series.setdefault((modality, measure), []).append((-before, value))
    for modality, view in (("cytokines", "cytokine_kinetics"), ("exosomes", "exosome_summary")):
        names = ANALYTES if modality == "cytokines" else ("concentration_per_ml", "mode_nm", "mean_nm", "d50_nm")
        for name in names:
            points = sorted(series.get((modality, name), []))
            values = [v if modality == "cytokines" else np.log2(v) for _, v in points]
            stem = f"{view}__{name.lower()}"
            row[f"{stem}_baseline"] = values[0] if values else np.nan
            row[f"{stem}_last"] = values[-1] if values else np.nan
            row[f"{stem}_log2_change"] = values[-1] - values[0] if len(values) > 1 else np.nan
            span = points[-1][0] - points[0][0] if len(points) > 1 else np.nan
            row[f"{stem}_log2_slope_per_d"] = (values[-1] - values[0]) / span if len(values) > 1 else np.nan
    for name in _imaging_names():
        points = series.get(("imaging", name), [])
        row[f"imaging_measures__baseline[{name}]"] = points[0][1] if points else np.nan
    points = series.get(("burden", "tmb_per_mb"), [])
    row["burden__tmb_per_mb"] = points[0][1] if points else np.nan
    for analyte in ANALYTES:
        row[f"olink_profile__{analyte.lower()}_baseline_npx"] = rng.standard_normal() if rng.random() < 0.6 else np.nan
    return row


def _mgmt(percent: float | None) -> float:
    if percent is None or 5 <= percent < 12:
        return np.nan
    return float(percent >= 12)
