"""Every silver table of the lake, by name."""

from infra.table import Table
from infra.tables import clinical, cytokine, exosome, imaging, mutations, vitals

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
        exosome.exosome_measurement,
        exosome.exosome_cargo,
        cytokine.cytokine_result,
        mutations.variant,
        mutations.sequenced_sample,
        mutations.gene_panel,
        mutations.mutational_burden,
        vitals.vital_sign,
    )
}
