"""Cytokine plates of Luminex, Bio-Plex, MSD and Olink, to `cytokine_result`."""

from ingestion.format import Source
from ingestion.sources.cytokine.bioplex_report import BIOPLEX_TEXT, BIOPLEX_XLSX
from ingestion.sources.cytokine.bioplex_xml import BIOPLEX_XML
from ingestion.sources.cytokine.conform import cytokine_result
from ingestion.sources.cytokine.intelliflex import INTELLIFLEX
from ingestion.sources.cytokine.methodical_mind import METHODICAL_MIND
from ingestion.sources.cytokine.msd_workbench import MSD_CSV, MSD_XLSX
from ingestion.sources.cytokine.olink_explore import OLINK_EXPLORE
from ingestion.sources.cytokine.olink_long import OLINK_LONG
from ingestion.sources.cytokine.olink_wide import OLINK_WIDE
from ingestion.sources.cytokine.raw import CYTOKINE
from ingestion.sources.cytokine.xponent import XPONENT

SOURCE = Source(
    name="cytokine",
    description="Cytokines and other proteins: Luminex xPONENT and INTELLIFLEX CSV; Bio-Plex Manager XML and reports; "
    "MSD Workbench tables and Methodical Mind; Olink Target 96 wide workbook, long CSV, Explore parquet.",
    formats=(
        XPONENT,
        INTELLIFLEX,
        BIOPLEX_XML,
        MSD_CSV,
        METHODICAL_MIND,
        OLINK_WIDE,
        MSD_XLSX,
        BIOPLEX_XLSX,
        OLINK_LONG,
        OLINK_EXPLORE,
        BIOPLEX_TEXT,
    ),
    conform={CYTOKINE.name: cytokine_result},
)

__all__ = ["SOURCE"]
