"""What scans show: measures join their series, methylation shows in them, and so does what grew in truth."""

import csv
import io
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from infra.settings import Site
from ingestion.format import RawFile
from ingestion.sources.imaging.radiomics import RADIOMICS
from oncolake.demo import clinical_files, truth
from oncolake.demo.hospitals import HOSPITALS
from oncolake.demo.imaging_files import dicom_files, scanned, uid_of
from oncolake.demo.radiomics_files import MEASURES, radiomics_tables
from oncolake.demo.study import Patient, simulate

SEED = 20260101
N_MEASURES = 19
RCBV = "enhancing tumour, rCBV: original_firstorder_Mean"
ADC = "enhancing tumour, ADC: original_firstorder_Mean"


@pytest.fixture(scope="module")
def patients() -> tuple[Patient, ...]:
    return simulate(120, SEED)


@pytest.fixture(scope="module")
def measured(patients: tuple[Patient, ...]) -> pd.DataFrame:
    """As the reader reads the tables: one row a measure, with columns patient_id, series_uid, name, value, unit."""
    records = []
    for hospital in HOSPITALS:
        site = Site.model_validate({**hospital.settings, "site_id": hospital.site_id})
        for name, content in radiomics_tables(patients, hospital, SEED).items():
            for batch in RADIOMICS.read(RawFile(name, content), site):
                records += batch.to_pylist()
    frame = pd.DataFrame(records)
    return frame.assign(name=frame["region"] + ": " + frame["measure"], value=frame["value"].astype(float))


@pytest.fixture(scope="module")
def at(patients: tuple[Patient, ...], measured: pd.DataFrame) -> Callable[[str], pd.DataFrame]:
    """Measures at a time point: a row a patient who was scanned then, a column a measure."""
    series = pd.DataFrame(
        [
            {"series_uid": str(uid_of(p, SEED, s.study, s.number)), "timepoint": s.timepoint}
            for p in patients
            for s in scanned(p, SEED)
        ]
    )
    joined = measured.merge(series, on="series_uid", how="left", validate="many_to_one")
    assert joined["timepoint"].notna().all()
    return lambda timepoint: joined[joined["timepoint"] == timepoint].pivot(
        index="patient_id", columns="name", values="value"
    )


def test_measures_are_read_and_each_belongs_to_a_scanned_series(
    patients: tuple[Patient, ...], measured: pd.DataFrame
) -> None:
    import pydicom

    assert measured["name"].nunique() == N_MEASURES
    assert set(truth.MGMT_ON_IMAGING) < set(measured["name"])
    assert measured["problem"].isna().all()
    # One way to measure each, wherever it was measured, or measures of two hospitals never met.
    assert (measured.groupby("name")["algorithm"].nunique() == 1).all()
    assert not measured.duplicated(["series_uid", "region_uid", "region", "measure", "algorithm"]).any()
    some = patients[:6]
    headers = [
        pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)
        for p in some
        for content in dicom_files(p, SEED).values()
    ]
    written = {(str(h.PatientID), str(h.SeriesInstanceUID)) for h in headers}
    ours = measured[measured["patient_id"].isin([p.patient_id for p in some])]
    assert set(zip(ours["patient_id"], ours["series_uid"], strict=True)) <= written


def test_methylation_shows_in_the_declared_measures_of_the_baseline(
    patients: tuple[Patient, ...], at: Callable[[str], pd.DataFrame]
) -> None:
    baseline = at("baseline")
    is_methylated = pd.Series({p.patient_id: p.latent.is_mgmt_methylated for p in patients})[baseline.index]
    assert len(baseline) > 95
    for name, shift in truth.MGMT_ON_IMAGING.items():
        groups = [baseline.loc[is_methylated == side, name].dropna() for side in (True, False)]
        difference = (groups[0].mean() - groups[1].mean()) / np.sqrt((groups[0].var() + groups[1].var()) / 2)
        assert difference * np.sign(shift) > 0.3
    declared = baseline[list(truth.MGMT_ON_IMAGING)]
    noise = baseline.drop(columns=list(truth.MGMT_ON_IMAGING))
    assert _cross_validated_auroc(declared, is_methylated) > 0.72
    assert _cross_validated_auroc(baseline, is_methylated) > 0.65
    assert _cross_validated_auroc(noise, is_methylated) < 0.65


def test_scans_after_treatment_tell_true_progression_from_pseudoprogression(
    patients: tuple[Patient, ...], at: Callable[[str], pd.DataFrame]
) -> None:
    labelled = {p.patient_id: p for p in patients if p.pseudoprogression is not None}
    change = at("week 8").sub(at("baseline")).reindex(list(labelled))
    frame = change[[RCBV, ADC]].assign(
        methylated=[float(p.latent.is_mgmt_methylated) for p in labelled.values()],
        exosome=[p.latent.exosome_change_z for p in labelled.values()],
    )
    is_true = pd.Series({name: not p.pseudoprogression for name, p in labelled.items()})
    assert _cross_validated_auroc(frame, is_true) > 0.8
    # In week 8 the tumour has grown either way.
    volume = "enhancing tumour: original_shape_MeshVolume"
    grown = np.log2(at("week 8")[volume] / at("baseline")[volume]).reindex(list(labelled)).dropna()
    assert (grown > 0).mean() > 0.9
    assert abs(roc_auc_score(is_true[grown.index], grown) - 0.5) < 0.15


def test_enough_patients_have_a_verdict_of_either_kind(patients: tuple[Patient, ...]) -> None:
    apparent = [p for p in patients if p.suspicion is not None]
    labelled = [p for p in apparent if p.pseudoprogression is not None]
    assert 60 <= len(labelled) <= 80
    assert len(labelled) < len(apparent)
    assert 0.35 < np.mean([bool(p.pseudoprogression) for p in labelled]) < 0.65


def test_declared_effects_tell_true_progression_from_pseudoprogression(patients: tuple[Patient, ...]) -> None:
    apparent = [(p.latent, p.suspicion) for p in patients if p.suspicion is not None]
    is_true = [s.is_progression for _, s in apparent]
    assert roc_auc_score(is_true, [latent.true_progression_probability for latent, _ in apparent]) > 0.85
    latents = pd.DataFrame(
        {
            "rcbv_change_z": [latent.rcbv_change_z for latent, _ in apparent],
            "adc_change_z": [latent.adc_change_z for latent, _ in apparent],
            "mgmt_methylated": [float(latent.is_mgmt_methylated) for latent, _ in apparent],
            "exosome_change_z": [latent.exosome_change_z for latent, _ in apparent],
        }
    )
    fitted = LogisticRegression(C=10).fit(latents, is_true)
    assert dict(zip(latents, np.sign(fitted.coef_[0]), strict=True)) == {
        name: np.sign(effect) for name, effect in truth.TRUE_PROGRESSION_LOG_ODDS.items()
    }


def test_progression_and_response_agree_with_what_the_scan_proved(patients: tuple[Patient, ...]) -> None:
    for p in patients:
        if p.suspicion is None:
            continue
        assert not p.is_responder
        (scan,) = (when.date() for timepoint, when in p.scans if timepoint == "week 8")
        assert scan == p.day(p.suspicion.seen_day)
        if p.suspicion.is_progression:
            assert (p.is_progressed, p.pfs_days) == (True, p.suspicion.seen_day)
        elif p.suspicion.decided_day is not None:
            assert p.pfs_days > p.suspicion.decided_day


def test_verdicts_are_written_after_the_scan_was_reported(patients: tuple[Patient, ...]) -> None:
    for hospital in HOSPITALS:
        ours = [p for p in patients if p.hospital is hospital]
        of = {p.patient_id: p for p in ours}
        rows = [
            dict(zip(clinical_files.OUTCOME_HEADER, row, strict=True))
            for row in clinical_files.outcome_rows(ours, SEED)[1:]
        ]
        verdicts = {row["patient_id"]: row for row in rows if row["endpoint"] == "pseudoprogression"}
        assert set(verdicts) == {name for name, p in of.items() if p.suspicion}
        words = {"pseudoprogression": True, "PD": False, "indeterminate": None}
        flags = {hospital.word("true"): True, hospital.word("false"): False, "": None}
        for name, row in verdicts.items():
            patient = of[name]
            assert words[row["category"]] == flags[row["is_event"]] == patient.pseudoprogression
            scan = next(when for timepoint, when in patient.scans if timepoint == "week 8")
            reported = scan + timedelta(days=hospital.reporting_delay_days["imaging"])
            outcome_format = hospital.date_format
            assert datetime.strptime(row["outcome_time"], outcome_format) > reported
            assert datetime.strptime(row["report_time"], outcome_format) > reported
        progressions = {row["patient_id"]: row for row in rows if row["endpoint"] == "PFS"}
        for name, row in progressions.items():
            suspicion = of[name].suspicion
            if suspicion and suspicion.is_progression and suspicion.decided_day:
                known = datetime.strptime(row["report_time"], hospital.date_format).date()
                assert known > of[name].day(suspicion.decided_day)


def test_tables_are_plain_csv_with_the_columns_of_pyradiomics(patients: tuple[Patient, ...]) -> None:
    for hospital in HOSPITALS:
        tables = radiomics_tables(patients, hospital, SEED)
        assert set(tables) == {t.file_name for t in MEASURES}
        for content in tables.values():
            header, *rows = list(csv.reader(io.StringIO(content.decode())))
            assert {"PatientID", "SeriesInstanceUID", "diagnostics_Versions_PyRadiomics"} < set(header)
            assert {len(row) for row in rows} == {len(header)}


def _cross_validated_auroc(features: pd.DataFrame, is_positive: pd.Series) -> float:
    from sklearn.impute import SimpleImputer

    model = make_pipeline(SimpleImputer(), StandardScaler(), LogisticRegression(C=0.1))
    predicted = cross_val_predict(model, features, is_positive, cv=10, method="predict_proba")[:, 1]
    return float(roc_auc_score(is_positive, predicted))
