"""Imaging metadata: headers of DICOM files, and series indexes of the Imaging Data Commons."""

from infra.tables.imaging import imaging_series
from ingestion.format import Derived, Source
from ingestion.sources.imaging.conform import conform_dicom_instance, conform_idc_series
from ingestion.sources.imaging.dicom import DICOM
from ingestion.sources.imaging.idc_index import IDC_INDEX
from ingestion.sources.imaging.raw import DICOM_INSTANCE, IDC_SERIES
from ingestion.sources.imaging.series import derive_imaging_series

SOURCE = Source(
    name="imaging",
    description="What was scanned, when and how: DICOM headers and IDC series indexes. Pixels are never read.",
    formats=(DICOM, IDC_INDEX),
    conform={DICOM_INSTANCE.name: conform_dicom_instance, IDC_SERIES.name: conform_idc_series},
    derived=(Derived(imaging_series.name, inputs=("imaging_instance",), derive=derive_imaging_series),),
)
