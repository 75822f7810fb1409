"""Every source, by its name on the command line. A new source adds its folder and one line here."""

from ingestion.format import Source
from ingestion.sources import clinical, cytokine, exosome, imaging, mutations, vitals

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        imaging.SOURCE,
        exosome.SOURCE,
        cytokine.SOURCE,
        mutations.SOURCE,
        vitals.SOURCE,
        clinical.SOURCE,
    )
}
