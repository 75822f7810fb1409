"""Reports and feature tables through the whole pipeline, into the lake."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.lake import Lake
from infra.pseudonyms import Pseudonymiser
from infra.settings import Settings, Site
from ingestion.discovery import Delivery
from ingestion.pipeline import ingest
from ingestion.report import FileReport
from ingestion.status import lake_status
from quality.quarantine import quarantined
from tests.ingestion.imaging.generated import dicom_bytes
from tests.ingestion.imaging.reports import IMAGE_SERIES, report_bytes
from tests.ingestion.imaging.test_radiomics import radiomics_csv
from tests.ingestion.imaging.test_sr import changed, numbers
from tests.ingestion.lakes import KEY, decoded, rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.slow

SETTINGS = Settings(
    pseudonym_key=KEY,
    sites={"paris": Site(site_id="paris", time_zone="Europe/Paris", reporting_delay_days={"imaging": 2})},
)
CANARIES = ("Durand", "durand", "HOSP-0042", "CANARY", "Doe")


def without_unit(dataset: Any, groups: list[Any]) -> None:
    dataset.SOPInstanceUID = "1.2.3.4.5.8.2"
    groups[1].ContentSequence[1].UID = "2.25.103"
    numbers(groups[1])[0].MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodingSchemeDesignator = "99X"
    groups[0].ContentSequence[1].UID = "2.25.104"


def test_reports_and_tables_enter_the_lake(spark: "SparkSession", tmp_path: Path) -> None:
    lake, landing = Lake.at(tmp_path / "lake"), tmp_path / "Durand"
    landing.mkdir()
    contents = {
        "image.dcm": dicom_bytes(),
        "report.dcm": report_bytes(),
        "odd report.dcm": changed(without_unit),
        "cut report.dcm": report_bytes()[:-100],
        "features.csv": radiomics_csv({}, {"PatientID": "", "Mask": "/data/Durand/other.nii.gz"}).encode(),
        "undated.csv": radiomics_csv({"Mask": "/data/Durand/third.nii.gz"}, without=("StudyDate",)).encode(),
    }
    for name, content in contents.items():
        (landing / name).write_bytes(content)

    def run() -> dict[str, FileReport]:
        report = ingest("imaging", [Delivery(landing, "paris")], lake, SETTINGS, lambda: spark)
        return {Path(f.path).name: f for f in report.files}

    files = run()
    counts = {n: (f.format, f.rows_in, f.accepted, f.quarantined, f.duplicates) for n, f in files.items()}
    assert counts == {
        "image.dcm": ("dicom", 1, 1, 0, 0),
        "report.dcm": ("dicom_sr", 5, 5, 0, 0),
        "odd report.dcm": ("dicom_sr", 5, 4, 1, 0),
        "cut report.dcm": ("dicom_sr", 0, 0, 0, 0),
        "features.csv": ("pyradiomics_csv", 10, 5, 5, 0),
        "undated.csv": ("pyradiomics_csv", 5, 5, 0, 0),
    }
    assert files["cut report.dcm"].status == "rejected" and "cut short" in (files["cut report.dcm"].reason or "")

    measured = rows(lake, "imaging_measurement")
    series = Pseudonymiser(bytes.fromhex(KEY)).uid(IMAGE_SERIES)
    assert {m["series_uid"] for m in measured} == {series}
    assert series in {s["series_uid"] for s in rows(lake, "imaging_series")}
    assert Counter(m["measure"] for m in measured) == {
        "Volume": 3, "Maximum 3D Diameter": 2, "Attenuation Coefficient (Mean)": 2, "original_shape_MeshVolume": 2,
        "original_shape_Elongation": 2, "original_firstorder_Mean": 2, "log-sigma-3-0-mm-3D_firstorder_Skewness": 2,
        "wavelet-LLH_glcm_Idm": 2,
    }  # fmt: skip
    [volume] = [m for m in measured if m["measure"] == "Volume" and m["value"] == 8200.25]
    assert (volume["unit"], volume["region"], volume["algorithm"]) == ("mm3", "Edema, Brain", "tumour-net 2.1")
    assert volume["event_time"] == datetime(2024, 3, 28, 8, 30, tzinfo=UTC)
    assert volume["known_time"] == datetime(2024, 4, 1, 7, tzinfo=UTC)  # the report's own date, without a delay
    assert 0.0 in [m["value"] for m in measured if m["measure"] == "Volume"]
    by_file = {m["file_id"]: m for m in measured if m["measure"] == "original_firstorder_Mean"}
    dated, undated = by_file[files["features.csv"].file_id], by_file[files["undated.csv"].file_id]
    assert dated["known_time"] == datetime(2024, 3, 30, 23, tzinfo=UTC) and dated["value"] == -150
    assert undated["event_time"] is None
    assert len(rows(lake, "imaging_instance")) == 3
    reasons = Counter(r for q in quarantined(lake, "imaging_measurement").to_pylist() for r in q["reasons"])
    assert reasons == {"the unit is not coded in UCUM": 1, "patient_id is given": 5}

    before = (len(measured), len(rows(lake, "imaging_instance")))
    again = run()
    assert {f.status for f in again.values()} == {"unchanged", "rejected"}
    assert (len(rows(lake, "imaging_measurement")), len(rows(lake, "imaging_instance"))) == before
    assert lake_status(lake).orphans == {}
    assert not [p for p, text in decoded(lake) for canary in CANARIES if canary in text]
