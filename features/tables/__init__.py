"""Every gold feature view, by name. Importing this imports pyspark (0.6 s), but starts no JVM."""

from features.tables import (
    burden,
    clinical_profile,
    cytokine_kinetics,
    exosome_markers,
    exosome_summary,
    imaging_availability,
    imaging_measures,
    measurement_history,
    mutated_genes,
    olink_profile,
    treatment_times,
    tumour_markers,
    vital_window,
)
from features.view import GoldView

VIEWS: dict[str, GoldView] = {
    view.name: view
    for view in (
        clinical_profile.view,
        tumour_markers.view,
        cytokine_kinetics.view,
        olink_profile.view,
        exosome_summary.view,
        exosome_markers.view,
        burden.view,
        mutated_genes.view,
        imaging_availability.view,
        imaging_measures.view,
        measurement_history.view,
        treatment_times.view,
        vital_window.view,
    )
}
