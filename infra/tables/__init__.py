"""Every silver table of the lake, by name."""

from infra.table import Table
from infra.tables import clinical, imaging, laboratory, vitals

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        clinical.patient,
        clinical.specimen,
        clinical.treatment,
        clinical.biomarker,
        clinical.outcome,
        imaging.imaging_instance,
        imaging.imaging_series,
        imaging.imaging_measurement,
        laboratory.exosome_measurement,
        laboratory.exosome_cargo,
        laboratory.cytokine_result,
        laboratory.variant,
        laboratory.sequenced_sample,
        laboratory.gene_panel,
        laboratory.mutational_burden,
        vitals.vital_sign,
    )
}
