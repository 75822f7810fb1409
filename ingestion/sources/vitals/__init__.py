"""Vital signs of monitors."""

from ingestion.format import Source
from ingestion.sources.vitals.conform import conform_vital_value
from ingestion.sources.vitals.long_csv import LONG_CSV
from ingestion.sources.vitals.raw import VITAL_VALUE
from ingestion.sources.vitals.vital_file import VITAL_FILE
from ingestion.sources.vitals.vitaldb_csv import VITALDB_CSV
from ingestion.sources.vitals.wfdb_numerics import WFDB_NUMERICS
from ingestion.sources.vitals.wide_csv import WIDE_CSV

SOURCE = Source(
    name="vitals",
    description="Numerics of patient monitors: CSV (long, wide, VitalDB) and WFDB records.",
    formats=(LONG_CSV, WIDE_CSV, VITALDB_CSV, WFDB_NUMERICS, VITAL_FILE),
    conform={VITAL_VALUE.name: conform_vital_value},
)
