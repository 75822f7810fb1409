"""Reports of what was observed before a patient's landmark and told after it: what no feature of then may show."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta

import numpy as np

from infra.errors import UsageError
from oncolake.demo import clinical_files as clinical
from oncolake.demo import cytokine_files as cytokine
from oncolake.demo.defects import SECOND, Files
from oncolake.demo.study import Patient, Visit
from oncolake.demo.truth import LateReport

LATE_IL6_PG_ML = 4_321.0
LATE_PDL1_PERCENT = 97.0
CORRECTED_PDL1_PERCENT = 88.0
EARLY_PDL1_PERCENT = 3.0
DAYS_AFTER_LANDMARK = 33
SEEN_LATE_DAYS = 110


def pick(patients: tuple[Patient, ...], fits: Callable[[Patient], bool], preferred: str) -> Patient:
    """The first patient who fits, of the preferred hospital if it has one."""
    fitting = sorted((p for p in patients if fits(p)), key=lambda p: (p.hospital.site_id != preferred, p.index))
    if not fitting:
        raise UsageError("No simulated patient can carry a planted defect; expected more patients or another seed.")
    return fitting[0]


def prepared(patients: tuple[Patient, ...]) -> tuple[tuple[Patient, ...], dict[str, float]]:
    """Two patients whose PD-L1 at the landmark is given: a low one (boston) and none (toulouse).

    Returns the patients, and by patient the PD-L1 that is reported too late.
    """
    low = pick(patients, lambda p: p.os_days > SEEN_LATE_DAYS and p.hospital.site_id == "boston", "boston")
    none = pick(patients, lambda p: p.os_days > SEEN_LATE_DAYS and p.hospital.site_id == "toulouse", "toulouse")
    known = {low.index: EARLY_PDL1_PERCENT, none.index: None}
    prepared = tuple(replace(p, pdl1_percent=known[p.index]) if p.index in known else p for p in patients)
    return prepared, {low.patient_id: CORRECTED_PDL1_PERCENT, none.patient_id: LATE_PDL1_PERCENT}


def late_sample(patients: tuple[Patient, ...]) -> tuple[Patient, Visit]:
    """A week 4 sample of a patient who lives long enough to see its result come late."""

    def in_week_4(patient: Patient) -> list[Visit]:
        return [v for v in patient.visits if v.timepoint == "week 4" and v.has_cytokines]

    patient = pick(patients, lambda p: p.os_days > SEEN_LATE_DAYS and bool(in_week_4(p)), "berlin")
    return patient, in_week_4(patient)[0]


def late_biomarkers(
    patients: tuple[Patient, ...], late_pdl1: dict[str, float], later: dict[str, clinical.Rows]
) -> list[LateReport]:
    """A corrected PD-L1 and a first PD-L1, both reported after the landmark."""
    of = {p.patient_id: p for p in patients}
    reports = []
    for patient_id, percent in late_pdl1.items():
        patient = of[patient_id]
        hospital, name = patient.hospital, f"{patient.hospital.site_id}/biomarker"
        event = clinical.tumour_time(patient)
        known = _after_landmark(patient)
        rows = later.setdefault(name, [list(clinical.BIOMARKER_HEADER)])
        rows.append(clinical.biomarker_row(patient, "PD-L1", percent, "positive", event=event, report=known, digits=0))
        reports.append(
            LateReport(
                table="biomarker",
                site_id=hospital.site_id,
                patient_id=patient.patient_id,
                sample_id=patient.tumour_sample_id,
                marker="PD-L1",
                value=percent,
                unit="%",
                event_time=hospital.utc(event),
                known_time=hospital.utc(known),
                landmark_time=hospital.utc(patient.landmark),
                visible_before=patient.pdl1_percent,
                file=f"{SECOND}/{hospital.site_id}/clinical/biomarker.csv",
            )
        )
    return reports


def late_cytokine(files: Files, patient: Patient, visit: Visit, seed: int) -> tuple[LateReport, str]:
    """A plate of the second delivery with one week 4 sample, run after the patient's landmark."""
    hospital = patient.hospital
    well = cytokine.sample_well(patient, visit, seed)
    level = np.where(np.isnan(well.concentrations), 50.0, well.concentrations)
    level[cytokine.ANALYTES.index("IL6")] = LATE_IL6_PG_ML
    run = _after_landmark(patient)
    batch = f"{hospital.site_id[:3].upper()}_CYTO8_{run:%Y%m%d}_RERUN"
    plate = cytokine.plate(batch, hospital, run, [cytokine.Well(visit.sample_id, level, well.dilution)], seed)
    path = f"{SECOND}/{hospital.site_id}/cytokine/{plate.file_name}"
    files[path] = cytokine.plate_csv(plate)
    late = LateReport(
        table="cytokine_result",
        site_id=hospital.site_id,
        patient_id=patient.patient_id,
        sample_id=visit.sample_id,
        marker="IL6",
        value=LATE_IL6_PG_ML,
        unit="pg/mL",
        event_time=hospital.utc(visit.collected),
        known_time=hospital.utc(plate.stop),
        landmark_time=hospital.utc(patient.landmark),
        visible_before=None,
        file=path,
    )
    return late, path


def _after_landmark(patient: Patient) -> datetime:
    return datetime.combine((patient.landmark + timedelta(days=DAYS_AFTER_LANDMARK)).date(), time(15, 30))
