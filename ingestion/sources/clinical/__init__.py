"""Clinical tables: who the patients are, their samples, treatments, markers and outcomes."""

from ingestion.format import Source
from ingestion.sources.cbioportal import CLINICAL_CONFORM, CLINICAL_FORMATS
from ingestion.sources.clinical.conform import CONFORM, conform_clinical_record
from ingestion.sources.clinical.declared_csv import CLINICAL_RECORD, DECLARED_CSV
from ingestion.sources.clinical.redcap_csv import REDCAP_CSV
from ingestion.sources.clinical.template_csv import TEMPLATE_FORMATS

SOURCE = Source(
    name="clinical",
    description="This project's CSV templates, tables that a site declares, REDCap exports, and the clinical files of "
    "a cBioPortal study.",
    formats=(REDCAP_CSV, DECLARED_CSV, *TEMPLATE_FORMATS, *CLINICAL_FORMATS),
    conform={**CONFORM, CLINICAL_RECORD.name: conform_clinical_record, **CLINICAL_CONFORM},
)
