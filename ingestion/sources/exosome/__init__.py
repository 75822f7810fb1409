"""Extracellular vesicles: particle concentration and size by nanoparticle tracking analysis (NTA)."""

from ingestion.format import Source
from ingestion.sources.exosome.conform import conform_nta_video
from ingestion.sources.exosome.nanosight import NANOSIGHT_SUMMARY
from ingestion.sources.exosome.raw import NTA_VIDEO

SOURCE = Source(
    name="exosome",
    description="Particle concentrations and size distributions of vesicle preparations (NanoSight NTA).",
    formats=(NANOSIGHT_SUMMARY,),
    conform={NTA_VIDEO.name: conform_nta_video},
)
