"""MR scans as DICOM headers (no pixels): a study a visit, a folder a series, with the scanners' own spelling."""

import io
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
    # timepoint: (always scanned, scanned in most)
    "baseline": (("T1GD", "FLAIR"), ("T1", "T2", "DWI", "DSC")),
    "week 8": (("T1GD",), ("FLAIR", "DSC")),
    "week 16": (("T1GD",), ("FLAIR",)),
}
SHARE_SCANNED = 0.65
SHARE_SECOND_INSTANCE = 0.06
_SCANNER = {"toulouse": 0, "boston": 1, "berlin": 2}


def dicom_files(patient: Patient, seed: int) -> dict[str, bytes]:
    """The DICOM files of a patient by path; empty where the patient was scanned elsewhere."""
    rng = rng_of(seed, "imaging", patient.index)
    files = {}
    for number, (timepoint, when) in enumerate(patient.scans, start=1):
        always, mostly = SERIES_OF[timepoint]
        scanned = [s for s in SEQUENCES if s in always or (s in mostly and rng.random() < SHARE_SCANNED)]
        for series, sequence in enumerate(scanned, start=2):
            for instance in range(1, 3 if rng.random() < SHARE_SECOND_INSTANCE else 2):
                moment = when + timedelta(minutes=6 * series, seconds=int(rng.integers(0, 60)))
                path = f"{patient.patient_id}/ST{number:02d}/SE{series:04d}/IM{instance:04d}.dcm"
                files[path] = _dicom(
                    patient,
                    seed,
                    rng,
                    place=(number, series, instance),
                    sequence=sequence,
                    study_time=when,
                    acquired=moment,
                )
    return files


def _dicom(
    patient: Patient,
    seed: int,
    rng: np.random.Generator,
    *,
    place: tuple[int, int, int],
    sequence: str,
    study_time: datetime,
    acquired: datetime,
) -> bytes:
    from pydicom import dcmwrite
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

    def uid(*parts: object) -> Any:
        return generate_uid(entropy_srcs=["oncolake demo", str(seed), patient.patient_id, *map(str, parts)])

    number, series, instance = place
    hospital = patient.hospital
    manufacturer, model, tesla = hospital.scanner
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.4"  # MR Image Storage
    meta.MediaStorageSOPInstanceUID = uid(number, series, instance)
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
    ds.AccessionNumber = f"A{patient.index:05d}{number}"
    ds.Modality = "MR"
    ds.Manufacturer = manufacturer
    ds.InstitutionName = f"{hospital.site_id.title()} University Hospital"
    ds.StudyDescription = "MRI BRAIN W/WO CONTRAST"
    settings = SEQUENCES[sequence]
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
    ds.StudyInstanceUID = uid(number)
    ds.SeriesInstanceUID = uid(number, series)
    ds.SeriesNumber = series
    ds.InstanceNumber = instance
    ds.PixelSpacing = [0.9, 0.9]
    ds.Rows = ds.Columns = 256
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()
