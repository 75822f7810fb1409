"""DICOM files made for a test, in memory."""

from collections.abc import Mapping
from io import BytesIO

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"

TAGS: dict[str, object] = {
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"],
    "SOPClassUID": MR_IMAGE,
    "SOPInstanceUID": "1.2.3.4.5.6.1",
    "StudyDate": "20240328",
    "StudyTime": "093000",
    "SeriesDate": "20240328",
    "SeriesTime": "094500",
    "AcquisitionDate": "20240328",
    "AcquisitionTime": "095000.5",
    "Modality": "MR",
    "Manufacturer": "SIEMENS",
    "SeriesDescription": "t1 axial stealth-post_TERA ",
    "PatientName": "Doe^Jane",
    "PatientID": "HOSP-0042",
    "PatientBirthDate": "19600101",
    "ScanningSequence": "SE",
    "SliceThickness": "1.0",
    "RepetitionTime": "600",
    "EchoTime": "9.5",
    "MagneticFieldStrength": "3",
    "StudyInstanceUID": "1.2.3.4.5",
    "SeriesInstanceUID": "1.2.3.4.5.6",
    "PixelSpacing": ["0.5", "0.5"],
    "Rows": 4,
    "Columns": 4,
    "BitsAllocated": 16,
    "BitsStored": 16,
    "HighBit": 15,
    "PixelRepresentation": 0,
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "PixelData": bytes(32),
}


def dicom_bytes(
    tags: Mapping[str, object] | None = None, syntax: UID = ExplicitVRLittleEndian, preamble: bool = True
) -> bytes:
    """A DICOM file with TAGS, changed by `tags` (None leaves a tag out), with or without preamble and file meta."""
    wanted = {**TAGS, **(tags or {})}
    dataset = Dataset()
    for keyword, value in wanted.items():
        if value is not None:
            setattr(dataset, keyword, value)
    out = BytesIO()
    if preamble:
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.file_meta.MediaStorageSOPClassUID = MR_IMAGE
        dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4.5.6.1"
        dataset.save_as(out, enforce_file_format=True)
    else:
        dataset.save_as(out, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    return out.getvalue()
