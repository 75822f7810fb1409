"""Every gold feature view, by name. Importing this imports pyspark (0.6 s), but starts no JVM."""

from features.tables import (
    burden,
    clinical_profile,
    cytokine_kinetics,
    exosome_summary,
    imaging_availability,
    olink_profile,
    vital_window,
)
from features.view import GoldView

VIEWS: dict[str, GoldView] = {
    view.name: view
    for view in (
        clinical_profile.view,
        cytokine_kinetics.view,
        olink_profile.view,
        exosome_summary.view,
        burden.view,
        imaging_availability.view,
        vital_window.view,
    )
}
