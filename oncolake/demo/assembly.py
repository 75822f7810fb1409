"""Puts the cohort together in memory: files by path, the truth about them, and what was planted in them."""

from collections.abc import Callable

import numpy as np

from oncolake.demo import clinical_files as clinical
from oncolake.demo import cytokine_files as cytokine
from oncolake.demo import defects as plant
from oncolake.demo import exosome_files as exosome
from oncolake.demo import monitor_files
from oncolake.demo import radiomics_files as radiomics
from oncolake.demo.defects import FIRST, SECOND, Defect, Files, defect
from oncolake.demo.hospitals import HOSPITALS
from oncolake.demo.imaging_files import dicom_files
from oncolake.demo.late_reports import late_biomarkers, late_cytokine, late_sample, pick, prepared
from oncolake.demo.monitor import MonitorCase, simulate_case
from oncolake.demo.mutation_files import study_folder
from oncolake.demo.olink_files import npx_sheet, npx_xlsx
from oncolake.demo.study import Patient, rng_of, simulate
from oncolake.demo.truth import CYTOKINES, LateReport, TruePatient, Truth

SOURCES = ("clinical", "imaging", "exosome", "cytokine", "mutations", "vitals")
TABLES = ("patient", "specimen", "treatment", "biomarker", "outcome")
N_LATE_SPECIMENS = 3
Progress = Callable[[str, int, int], None]


def assemble(n_patients: int, seed: int, report: Progress) -> tuple[Files, Truth, list[Defect]]:
    """Every file of the cohort by its path in the landing folder, the truth, and the planted defects."""
    patients, late_pdl1 = prepared(simulate(n_patients, seed))
    files: Files = {}
    defects: list[Defect] = []
    cases = {}
    for done, patient in enumerate(patients, 1):
        cases[patient.index] = simulate_case(rng_of(seed, "vitals", patient.index))
        _patient_files(files, patient, cases[patient.index], seed)
        report("simulating patients", done, len(patients))
    late_il6, late_visit = late_sample(patients)
    orphan = "BOSDOEX010160-999-W2"
    _plate_files(files, patients, late_visit.sample_id, orphan, seed)
    for hospital in HOSPITALS:
        folder = f"{FIRST}/{hospital.site_id}"
        sheet = npx_sheet(patients, hospital, seed)
        if sheet:
            files[f"{folder}/cytokine/{hospital.site_id}_inflammation_NPX.xlsx"] = npx_xlsx(sheet)
        for name, content in radiomics.radiomics_tables(patients, hospital, seed).items():
            files[f"{folder}/imaging/radiomics/{name}"] = content
        for path, text in study_folder(patients, hospital, seed).items():
            files[f"{folder}/mutations/glioma_{hospital.site_id}/{path}"] = text.encode()
    defects += _measured_defects(files, patients, seed)
    reports, late_specimens, clinical_defects = _clinical(files, patients, late_pdl1, seed)
    defects += clinical_defects
    defects += _bad_files(files, patients)
    defects += _second_delivery(files, patients)
    late_report, late_file = late_cytokine(files, late_il6, late_visit, seed)
    defects.append(
        defect(
            late_file,
            "late_report",
            "IL6 of a week 4 sample, far above anything else, reported after the landmark (see planted_late_report).",
        )
    )
    orphan_file = next(
        p for p, c in sorted(files.items()) if p.startswith(f"{FIRST}/boston/cytokine") and orphan.encode() in c
    )
    defects.append(
        defect(
            orphan_file,
            "orphan_sample",
            "Results of a sample that no specimen table knows; the number of such samples is `orphan_samples`.",
            orphan_samples=1,
        )
    )
    truth = Truth(
        seed=seed,
        n_patients=n_patients,
        patients=tuple(_true_patient(p, cases[p.index], files) for p in patients),
        planted_late_report=(late_report, *reports),
        orphan_samples=(orphan,),
        late_specimens=late_specimens,
    )
    return files, truth, sorted(defects, key=lambda d: (d.file, d.kind))


def _patient_files(files: Files, patient: Patient, case: MonitorCase, seed: int) -> None:
    folder = f"{FIRST}/{patient.hospital.site_id}"
    for path, content in dicom_files(patient, seed).items():
        files[f"{folder}/imaging/{path}"] = content
    for visit in patient.visits:
        if visit.has_exosomes:
            summary = exosome.measure(patient, visit, seed)
            files[f"{folder}/exosome/{summary.file_name}"] = exosome.summary_csv(summary, patient.hospital)
    files[f"{folder}/vitals/{monitor_files.case_id(patient)}.csv"] = monitor_files.monitor_csv(patient, case)


def _plate_files(files: Files, patients: tuple[Patient, ...], held_back: str, orphan: str, seed: int) -> None:
    for hospital in HOSPITALS:
        plates = cytokine.plates(patients, hospital, seed, held_back)
        for number, plate in enumerate(plates):
            wells = plate.wells
            if hospital.site_id == "boston" and number == 0:
                levels = 2.0 ** np.array([values[0] for values in CYTOKINES.values()])
                wells = (*wells, cytokine.Well(orphan, levels, cytokine.SAMPLE_DILUTION))
            if any(well.dilution > 1 for well in wells):
                full = cytokine.Plate(plate.batch, hospital, plate.run, wells, seed)
                files[f"{FIRST}/{hospital.site_id}/cytokine/{plate.file_name}"] = cytokine.plate_csv(full)


def _measured_defects(files: Files, patients: tuple[Patient, ...], seed: int) -> list[Defect]:
    """Particles, pressures, a measure of a scan and mutations that cannot be."""
    made = []
    for site_id, kind, reason, text in (
        ("toulouse", "negative_concentration", "concentration_per_ml", "A video with a negative concentration."),
        ("boston", "size_out_of_range", "d50_nm", "A video with a median diameter of 7200 nm."),
    ):
        patient, visit = next(
            (p, v) for p in patients for v in p.visits if p.hospital.site_id == site_id and v.has_exosomes
        )
        summary = exosome.measure(patient, visit, seed)
        number = next(i for i, v in enumerate(summary.videos) if v.validity == "OK")
        if kind == "negative_concentration":
            bad = summary.with_video(number, concentration_per_ml=-3.2e8)
        else:
            bad = summary.with_video(number, sizes={**summary.videos[number].sizes, "D50": 7_200.0})
        path = f"{FIRST}/{site_id}/exosome/{summary.file_name}"
        files[path] = exosome.summary_csv(bad, patient.hospital)
        made.append(defect(path, kind, text, quarantined=1, reason=reason))
    patient = pick(patients, lambda p: p.hospital.site_id == "berlin", "berlin")
    path = f"{FIRST}/berlin/vitals/{monitor_files.case_id(patient)}.csv"
    made.append(plant.implausible_pressures(files, path, patient.hospital))
    made.append(radiomics.unreadable_measure(files, f"{FIRST}/boston/imaging/radiomics/t1gd_features.csv"))
    return made + plant.bad_mutations(files, f"{FIRST}/boston/mutations/glioma_boston", f"{FIRST}/toulouse/mutations")


def _clinical(
    files: Files, patients: tuple[Patient, ...], late_pdl1: dict[str, float], seed: int
) -> tuple[list[LateReport], tuple[str, ...], list[Defect]]:
    """The clinical tables of both deliveries. Returns the late reports, the late specimens, the defects."""
    of = {h.site_id: [p for p in patients if p.hospital is h] for h in HOSPITALS}
    late = tuple(v.sample_id for p in of["berlin"] for v in p.visits if v.timepoint == "week 2")[:N_LATE_SPECIMENS]
    tables: dict[str, clinical.Rows] = {}
    later: dict[str, clinical.Rows] = {}
    for site_id, ours in of.items():
        specimens = clinical.specimen_rows(ours)
        tables |= {
            f"{site_id}/patient": clinical.patient_rows(ours),
            f"{site_id}/specimen": [row for row in specimens if row[0] not in late],
            f"{site_id}/treatment": clinical.treatment_rows(ours),
            f"{site_id}/biomarker": clinical.biomarker_rows(ours, seed),
            f"{site_id}/outcome": clinical.outcome_rows(ours, seed),
        }
        updates = clinical.updated_outcome_rows(ours, seed)
        if len(updates) > 1:
            later[f"{site_id}/outcome"] = updates
        if site_id == "berlin":
            later["berlin/specimen"] = [specimens[0], *(row for row in specimens if row[0] in late)]
    first = {name: f"{FIRST}/{name.replace('/', '/clinical/')}.csv" for name in tables}
    treatments = [list(row) for row in tables["berlin/treatment"]]
    made = plant.bad_clinical_rows(tables, first)
    reports = late_biomarkers(patients, late_pdl1, later)
    second = {name: f"{SECOND}/{name.replace('/', '/clinical/')}.csv" for name in later}
    hospitals = {h.site_id: h for h in HOSPITALS}
    for name, rows in tables.items():
        files[first[name]] = clinical.render(rows, hospitals[name.split("/")[0]])
    for name, rows in later.items():
        files[second[name]] = clinical.render(rows, hospitals[name.split("/")[0]])
    resaved = f"{SECOND}/berlin/clinical/treatment_export.csv"
    files[resaved] = ("\r\n".join(";".join(row) for row in treatments) + "\r\n").encode("utf-8-sig")
    made += [
        defect(
            resaved,
            "resaved_copy",
            "The first delivery's treatments, re-saved by a spreadsheet: other bytes, no new row.",
            duplicates=len(treatments) - 1,
        ),
        defect(second["berlin/specimen"], "late_specimens", "Samples whose results came in the first delivery."),
        *(
            defect(
                r.file,
                "correction" if r.visible_before is not None else "late_report",
                "A PD-L1 result of before the landmark, reported after it (see planted_late_report).",
            )
            for r in reports
        ),
        *(
            defect(second[f"{site_id}/outcome"], "correction", "New versions of survival and progression.")
            for site_id in of
            if f"{site_id}/outcome" in second
        ),
    ]
    return reports, late, made


def _bad_files(files: Files, patients: tuple[Patient, ...]) -> list[Defect]:
    scanned = pick(patients, lambda p: p.hospital.site_id == "boston" and bool(p.scans), "boston")
    dicom = min(p for p in files if p.startswith(f"{FIRST}/boston/imaging/{scanned.patient_id}/"))
    return plant.bad_files(files, FIRST, dicom, f"{FIRST}/toulouse/exosome")


def _second_delivery(files: Files, patients: tuple[Patient, ...]) -> list[Defect]:
    """A file of the first delivery again, under another name."""
    original = max(p for p in files if p.startswith(f"{FIRST}/boston/exosome/"))
    path = f"{SECOND}/boston/exosome/Copy of {original.rsplit('/', 1)[1]}"
    files[path] = files[original]
    return [
        defect(
            path,
            "redelivered_bytes",
            "The bytes of a file of the first delivery under another name.",
            status="unchanged",
        )
    ]


def _true_patient(p: Patient, case: MonitorCase, files: Files) -> TruePatient:
    below, observed = case.hypotensive_minutes()
    modalities = {
        "imaging": bool(p.scans),
        "exosome": any(v.has_exosomes for v in p.visits),
        "cytokine": any(v.has_cytokines for v in p.visits),
        "mutations": p.is_sequenced,
        "vitals": True,
    }
    return TruePatient(
        patient_id=p.patient_id,
        site_id=p.hospital.site_id,
        first_fraction_time=p.hospital.utc(p.first_fraction),
        landmark_time=p.hospital.utc(p.landmark),
        latent=p.latent,
        trajectory_group=p.latent.trajectory_group,
        survival_lp=p.latent.survival_lp,
        progression_lp=p.latent.progression_lp,
        response_probability=p.latent.response_probability,
        true_progression_probability=p.latent.true_progression_probability,
        os_days=p.os_days,
        is_dead=p.is_dead,
        pfs_days=p.pfs_days,
        is_progressed=p.is_progressed,
        is_dead_without_progression=p.is_dead and not p.is_progressed,
        is_responder=p.is_responder,
        is_true_progression=p.suspicion.is_progression if p.suspicion else None,
        pseudoprogression=p.pseudoprogression,
        hypotensive_minutes=below,
        observed_minutes=observed,
        modalities=tuple(name for name, has in modalities.items() if has),
    )
