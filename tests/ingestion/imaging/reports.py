"""Structured reports of measurements (TID 1500), made with highdicom for a test, in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO

from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import UID, ExplicitVRLittleEndian

from tests.ingestion.imaging.generated import MR_IMAGE, TAGS

VOLUME = Code("118565006", "SCT", "Volume")
DIAMETER = Code("L0JK", "IBSI", "Maximum 3D Diameter")
MEAN = Code("373098007", "SCT", "Mean")
INTENSITY = Code("112031", "DCM", "Attenuation Coefficient")
MM3 = Code("mm3", "UCUM", "cubic millimeter")
MM = Code("mm", "UCUM", "millimeter")
HU = Code("[hnsf'U]", "UCUM", "Hounsfield unit")
ENHANCING = Code("C113842", "NCIt", "Enhancing Lesion")
OEDEMA = Code("79654002", "SCT", "Edema")
BRAIN = Code("12738006", "SCT", "Brain")

IMAGE_SERIES = str(TAGS["SeriesInstanceUID"])
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
SEGMENTATION_SERIES = "1.2.3.4.5.7"


@dataclass(frozen=True)
class Measured:
    """One number of a group; value None: the report says that there is none."""

    name: Code
    value: float
    unit: Code
    derivation: Code | None = None


@dataclass(frozen=True)
class Group:
    """One region: its tracking UID, finding, numbers, and whether it is given by a segment or by an outline."""

    tracking_uid: str
    measured: Sequence[Measured]
    finding: Code = ENHANCING
    is_planar: bool = False
    algorithm: tuple[str, str] | None = ("tumour-net", "2.1")


GROUPS = (
    Group("2.25.101", (Measured(VOLUME, 0.0, MM3), Measured(DIAMETER, 31.5, MM))),
    Group("2.25.102", (Measured(VOLUME, 8200.25, MM3), Measured(INTENSITY, -12.5, HU, MEAN)), OEDEMA, is_planar=True),
)


def image(tags: dict[str, object] | None = None) -> Dataset:
    """The header of the image that was measured; with other `tags`, of a segmentation of it."""
    dataset = Dataset()
    for keyword, value in {**TAGS, "SOPClassUID": MR_IMAGE, **(tags or {})}.items():
        setattr(dataset, keyword, value)
    dataset.file_meta = None  # type: ignore[assignment]
    for keyword in (
        "PatientSex", "AccessionNumber", "StudyID", "ReferringPhysicianName", "FrameOfReferenceUID", "StudyDescription",
    ):  # fmt: skip
        if keyword not in dataset:
            setattr(dataset, keyword, "1.2.3.9" if keyword == "FrameOfReferenceUID" else "")
    return dataset


def segmentation() -> Dataset:
    """The header of the segmentation that the regions lie in."""
    return image(
        {
            "SOPClassUID": SEGMENTATION, "SOPInstanceUID": "1.2.3.4.5.7.1", "SeriesInstanceUID": SEGMENTATION_SERIES,
            "Modality": "SEG",
        }
    )  # fmt: skip


def report_bytes(groups: Sequence[Group] = GROUPS, syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """A Comprehensive 3D SR of measurement groups about `image()`, segmented in `segmentation()`."""
    return _report_bytes(tuple(groups), syntax)


@cache
def _report_bytes(groups: tuple[Group, ...], syntax: UID) -> bytes:
    from highdicom import sr

    device = sr.ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
            uid="2.25.900", name="CANARY-HOST", manufacturer_name="Maker", model_name="Workstation 7"
        ),
    )
    content = sr.MeasurementReport(
        observation_context=sr.ObservationContext(observer_device_context=device),
        procedure_reported=codes.LN.MRHeadWithContrast if hasattr(codes.LN, "MRHeadWithContrast") else BRAIN,
        imaging_measurements=[_group(group) for group in groups],
        title=codes.DCM.ImagingMeasurementReport,
    )
    dataset = sr.Comprehensive3DSR(
        evidence=[image(), segmentation()], content=content[0], series_instance_uid="1.2.3.4.5.8", series_number=9,
        sop_instance_uid="1.2.3.4.5.8.1", instance_number=1, manufacturer="Maker", is_complete=True, is_final=True,
    )  # fmt: skip
    dataset.SeriesDate, dataset.SeriesTime = "20240330", "120000"
    dataset.ContentDate, dataset.ContentTime = "20240401", "080000"
    dataset.TimezoneOffsetFromUTC = "+0100"
    dataset.file_meta.TransferSyntaxUID = syntax
    out = BytesIO()
    dataset.save_as(out, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian)
    return out.getvalue()


def _group(group: Group) -> Dataset:
    from highdicom import sr

    algorithm = None
    if group.algorithm is not None:
        algorithm = sr.AlgorithmIdentification(name=group.algorithm[0], version=group.algorithm[1])
    common = {
        "tracking_identifier": sr.TrackingIdentifier(uid=group.tracking_uid, identifier="CANARY lesion of Jane"),
        "finding_type": group.finding,
        "finding_sites": [sr.FindingSite(BRAIN)],
        "algorithm_id": algorithm,
        "measurements": [
            sr.Measurement(name=m.name, value=m.value, unit=m.unit, derivation=m.derivation) for m in group.measured
        ],
    }
    if group.is_planar:
        return sr.PlanarROIMeasurementsAndQualitativeEvaluations(
            referenced_region=sr.ImageRegion(
                graphic_type=sr.GraphicTypeValues.POLYLINE,
                graphic_data=_square(),
                source_image=sr.SourceImageForRegion(MR_IMAGE, str(TAGS["SOPInstanceUID"])),
            ),
            **common,
        )
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        referenced_segment=sr.ReferencedSegment(
            sop_class_uid=SEGMENTATION,
            sop_instance_uid="1.2.3.4.5.7.1",
            segment_number=1,
            source_series=sr.SourceSeriesForSegmentation(IMAGE_SERIES),
        ),
        **common,
    )


def _square() -> "object":
    import numpy as np

    return np.array([[0, 0], [3, 0], [3, 3], [0, 3], [0, 0]], float)
