"""Mutations of tumour samples, which samples were sequenced, and the burden that follows."""

from ingestion.format import Derived, Source
from ingestion.sources.cbioportal import CLINICAL_CONFORM, CLINICAL_FORMATS, STUDY_CONFORM, STUDY_FORMATS
from ingestion.sources.mutations.burden import INPUTS, derive_mutational_burden
from ingestion.sources.mutations.conform import conform_maf_row
from ingestion.sources.mutations.maf import MAF
from ingestion.sources.mutations.raw import MAF_ROW
from ingestion.sources.mutations.vcf import VCF

SOURCE = Source(
    name="mutations",
    description="MAF and VCF files, and cBioPortal study folders.",
    # The MAF last: its reader claims broken MAFs too, so that it can name the columns that they lack.
    formats=(VCF, *STUDY_FORMATS, *CLINICAL_FORMATS, MAF),
    conform={MAF_ROW.name: conform_maf_row, **STUDY_CONFORM, **CLINICAL_CONFORM},
    derived=(Derived("mutational_burden", INPUTS, derive_mutational_burden),),
)
