"""Clinical tables: who the patients are, their samples, treatments, markers and outcomes."""

from ingestion.format import Source
from ingestion.sources.cbioportal import CLINICAL_CONFORM, CLINICAL_FORMATS
from ingestion.sources.clinical.conform import CONFORM
from ingestion.sources.clinical.template_csv import TEMPLATE_FORMATS

SOURCE = Source(
    name="clinical",
    description="This project's CSV templates, and the clinical files of a cBioPortal study.",
    formats=(*TEMPLATE_FORMATS, *CLINICAL_FORMATS),
    conform={**CONFORM, **CLINICAL_CONFORM},
)
