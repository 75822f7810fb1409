"""Files of a cBioPortal study folder other than the mutations, for the sources `mutations` and `clinical`.

Layout: https://docs.cbioportal.org/file-formats/
"""

from ingestion.sources.cbioportal.clinical_files import CLINICAL_PATIENT, CLINICAL_SAMPLE
from ingestion.sources.cbioportal.conform import (
    conform_cbioportal_patient,
    conform_cbioportal_sample,
    conform_gene_panel_file,
    conform_profiled_sample,
)
from ingestion.sources.cbioportal.conform_timeline import conform_cbioportal_event
from ingestion.sources.cbioportal.raw import (
    CBIOPORTAL_EVENT,
    CBIOPORTAL_PATIENT,
    CBIOPORTAL_SAMPLE,
    GENE_PANEL_FILE,
    PROFILED_SAMPLE,
)
from ingestion.sources.cbioportal.study_files import CASE_LIST, GENE_PANEL, PANEL_MATRIX, STUDY_META
from ingestion.sources.cbioportal.timeline import TIMELINE

CLINICAL_FORMATS = (CLINICAL_PATIENT, CLINICAL_SAMPLE, TIMELINE)
CLINICAL_CONFORM = {
    CBIOPORTAL_PATIENT.name: conform_cbioportal_patient,
    CBIOPORTAL_SAMPLE.name: conform_cbioportal_sample,
    CBIOPORTAL_EVENT.name: conform_cbioportal_event,
}
STUDY_FORMATS = (STUDY_META, CASE_LIST, GENE_PANEL, PANEL_MATRIX)
STUDY_CONFORM = {
    PROFILED_SAMPLE.name: conform_profiled_sample,
    GENE_PANEL_FILE.name: conform_gene_panel_file,
}

__all__ = ["CLINICAL_CONFORM", "CLINICAL_FORMATS", "STUDY_CONFORM", "STUDY_FORMATS"]
