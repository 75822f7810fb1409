"""Every source, by its name on the command line. A new source adds its folder and one line here."""

from ingestion.format import Source
from ingestion.sources import vitals

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        vitals.SOURCE,
    )
}
