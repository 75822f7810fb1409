"""MR scans as DICOM headers (no pixels): a study a visit, a folder a series, with the scanners' own spelling."""

import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from oncolake.demo.study import Patient, rng_of

SEQUENCES: dict[str, dict[str, Any]] = {
    "T1": {
        "text": ("t1_mprage_tra", "AX T1 ", "sT1W_3D_TFE"),
        "EchoTime": 2.4,
        "RepetitionTime": 1900.0,
        "InversionTime": 900.0,
        "FlipAngle": 9.0,
        "ScanningSequence": ["GR", "IR"],
        "MRAcquisitionType": "3D",
        "SliceThickness": 1.0,
    },
    "T1GD": {
        "text": ("t1_mprage_tra_+C", "AX T1 POST GAD", "sT1W_3D_TFE +Gd"),
        "EchoTime": 2.4,
        "RepetitionTime": 1900.0,
        "InversionTime": 900.0,
        "FlipAngle": 9.0,
        "ScanningSequence": ["GR", "IR"],
        "MRAcquisitionType": "3D",
        "SliceThickness": 1.0,
        "ContrastBolusAgent": "Gadobutrol",
    },
    "T2": {
        "text": ("t2_tse_tra", "AX  T2 FSE", "T2W_TSE"),
        "EchoTime": 98.0,
        "RepetitionTime": 5200.0,
        "FlipAngle": 150.0,
        "ScanningSequence": "SE",
        "MRAcquisitionType": "2D",
        "SliceThickness": 4.0,
    },
    "FLAIR": {
        "text": ("t2_tirm_tra_dark-fluid", "AX T2 FLAIR", "FLAIR_longTR"),
        "EchoTime": 120.0,
        "RepetitionTime": 9000.0,
        "InversionTime": 2500.0,
        "FlipAngle": 150.0,
        "ScanningSequence": ["SE", "IR"],
        "MRAcquisitionType": "2D",
        "SliceThickness": 4.0,
    },
    "DWI": {
        "text": ("ep2d_diff_3scan_trace", "AX DWI b1000", "DWI_high_b"),
        "EchoTime": 80.0,
        "RepetitionTime": 6300.0,
        "FlipAngle": 90.0,
        "ScanningSequence": "EP",
        "MRAcquisitionType": "2D",
        "SliceThickness": 5.0,
        "DiffusionBValue": 1000.0,
    },
    "DSC": {
        "text": ("ep2d_perf_DSC", "AX PERFUSION DSC", "DSC_PERF"),
        "EchoTime": 30.0,
        "RepetitionTime": 1500.0,
        "FlipAngle": 90.0,
        "ScanningSequence": ["EP", "GR"],
        "MRAcquisitionType": "2D",
        "SliceThickness": 5.0,
        "ContrastBolusAgent": "Gadobutrol",
    },
}
SERIES_OF = {
    # timepoint: sequences and the share of scans that have them
    "baseline": {"T1": 0.65, "T1GD": 1.0, "T2": 0.65, "FLAIR": 1.0, "DWI": 0.9, "DSC": 0.9},
    "week 8": {"T1GD": 1.0, "FLAIR": 0.85, "DWI": 0.92, "DSC": 0.92},
    "week 16": {"T1GD": 1.0, "FLAIR": 0.65, "DSC": 0.5},
}
SHARE_SECOND_INSTANCE = 0.06
_SCANNER = {"toulouse": 0, "boston": 1, "berlin": 2}


@dataclass(frozen=True)
class Series:
    """A series of a scan: its numbers in the archive, what was scanned, and when the scan began."""

    study: int
    number: int
    timepoint: str
    sequence: str
    study_time: datetime


def scanned(patient: Patient, seed: int) -> tuple[Series, ...]:
    """Every series of the patient's scans; empty where the patient was scanned elsewhere."""
    rng = rng_of(seed, "sequences", patient.index)
    made = []
    for study, (timepoint, when) in enumerate(patient.scans, start=1):
        sequences = [s for s in SEQUENCES if s in SERIES_OF[timepoint] and rng.random() < SERIES_OF[timepoint][s]]
        made += [Series(study, number, timepoint, s, when) for number, s in enumerate(sequences, start=2)]
    return tuple(made)


def uid_of(patient: Patient, seed: int, *parts: object) -> Any:
    """The UID of a study (its number), series (study, number) or instance (study, series, number) of a patient."""
    from pydicom.uid import generate_uid

    return generate_uid(entropy_srcs=["oncolake demo", str(seed), patient.patient_id, *map(str, parts)])


def dicom_files(patient: Patient, seed: int) -> dict[str, bytes]:
    """The DICOM files of a patient by path; empty where the patient was scanned elsewhere."""
    rng = rng_of(seed, "imaging", patient.index)
    files = {}
    for series in scanned(patient, seed):
        for instance in range(1, 3 if rng.random() < SHARE_SECOND_INSTANCE else 2):
            path = f"{patient.patient_id}/ST{series.study:02d}/SE{series.number:04d}/IM{instance:04d}.dcm"
            files[path] = _dicom(patient, seed, rng, series, instance)
    return files


def _dicom(patient: Patient, seed: int, rng: np.random.Generator, scan: Series, instance: int) -> bytes:
    from pydicom import dcmwrite
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    study_time = scan.study_time
    acquired = study_time + timedelta(minutes=6 * scan.number, seconds=int(rng.integers(0, 60)))
    hospital = patient.hospital
    manufacturer, model, tesla = hospital.scanner
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"  # MR Image Storage
    meta.MediaStorageSOPInstanceUID = uid_of(patient, seed, scan.study, scan.number, instance)
    meta.TransferSyntaxUID = {
        "explicit": ExplicitVRLittleEndian,
        "implicit": ImplicitVRLittleEndian,
        "big_endian": ExplicitVRBigEndian,
    }[hospital.transfer_syntax]
    ds = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "M", "NORM"]
    ds.SOPClassUID = meta.MediaStorageSOPClassUID
    ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    ds.StudyDate = ds.SeriesDate = f"{study_time:%Y%m%d}"
    ds.StudyTime = f"{study_time:%H%M%S}"
    ds.AcquisitionDate = f"{acquired:%Y%m%d}"
    ds.SeriesTime = ds.AcquisitionTime = f"{acquired:%H%M%S}.000000"
    ds.AccessionNumber = f"A{patient.index:05d}{scan.study}"
    ds.Modality = "MR"
    ds.Manufacturer = manufacturer
    ds.InstitutionName = f"{hospital.site_id.title()} University Hospital"
    ds.StudyDescription = "MRI BRAIN W/WO CONTRAST"
    settings = SEQUENCES[scan.sequence]
    ds.SeriesDescription = ds.ProtocolName = settings["text"][_SCANNER[hospital.site_id]]
    ds.ManufacturerModelName = model
    ds.PatientName = f"{patient.family}^{patient.given}"
    ds.PatientID = patient.patient_id
    ds.PatientBirthDate = f"{patient.birth_date:%Y%m%d}"
    ds.PatientSex = "F" if patient.is_female else "M"
    ds.PatientAge = f"{int(patient.latent.age_years):03d}Y"
    ds.BodyPartExamined = ("HEAD", "BRAIN", "")[_SCANNER[hospital.site_id]]
    for name, value in settings.items():
        if name != "text":
            setattr(ds, name, value)
    ds.EchoTime = round(settings["EchoTime"] * float(rng.uniform(0.95, 1.05)), 2)
    ds.SequenceVariant = "SK"
    ds.MagneticFieldStrength = tesla
    ds.PatientIdentityRemoved = "NO"
    ds.StudyInstanceUID = uid_of(patient, seed, scan.study)
    ds.SeriesInstanceUID = uid_of(patient, seed, scan.study, scan.number)
    ds.SeriesNumber = scan.number
    ds.InstanceNumber = instance
    ds.PixelSpacing = [0.9, 0.9]
    ds.Rows = ds.Columns = 256
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()
