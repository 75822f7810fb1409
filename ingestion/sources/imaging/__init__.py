"""Imaging metadata (headers of DICOM files, series indexes of the Imaging Data Commons) and measures of regions."""

from infra.tables.imaging import imaging_series
from ingestion.format import Derived, Source
from ingestion.sources.imaging.conform import (
    conform_dicom_instance,
    conform_idc_series,
    conform_radiomics,
    conform_sr_report,
)
from ingestion.sources.imaging.dicom import DICOM
from ingestion.sources.imaging.idc_index import IDC_INDEX
from ingestion.sources.imaging.radiomics import RADIOMICS
from ingestion.sources.imaging.raw import DICOM_INSTANCE, IDC_SERIES, RADIOMICS_MEASURE, SR_REPORT
from ingestion.sources.imaging.series import derive_imaging_series
from ingestion.sources.imaging.sr import DICOM_SR

SOURCE = Source(
    name="imaging",
    description="What was scanned, when and how, and what was measured in it. Pixels are never read.",
    formats=(DICOM, IDC_INDEX, DICOM_SR, RADIOMICS),
    conform={
        DICOM_INSTANCE.name: conform_dicom_instance,
        IDC_SERIES.name: conform_idc_series,
        SR_REPORT.name: conform_sr_report,
        RADIOMICS_MEASURE.name: conform_radiomics,
    },
    derived=(Derived(imaging_series.name, inputs=("imaging_instance",), derive=derive_imaging_series),),
)
