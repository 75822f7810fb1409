"""Extracellular vesicles: concentration and size by nanoparticle tracking analysis (NTA), and what they carry."""

from ingestion.format import Source
from ingestion.sources.exosome.cargo import CARGO
from ingestion.sources.exosome.conform import conform_exosome_cargo, conform_nta_video
from ingestion.sources.exosome.nanosight import NANOSIGHT_SUMMARY
from ingestion.sources.exosome.raw import EXOSOME_CARGO, NTA_VIDEO
from ingestion.sources.exosome.zetaview import ZETAVIEW

SOURCE = Source(
    name="exosome",
    description="Particle concentrations and sizes of vesicles (NanoSight and ZetaView NTA), and cargo tables.",
    formats=(NANOSIGHT_SUMMARY, ZETAVIEW, CARGO),
    conform={NTA_VIDEO.name: conform_nta_video, EXOSOME_CARGO.name: conform_exosome_cargo},
)
