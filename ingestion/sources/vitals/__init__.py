"""Vital signs of monitors."""

from ingestion.format import Direct, Source
from ingestion.sources.vitals.conform import conform_in_worker, conform_vital_value
from ingestion.sources.vitals.fhir import FHIR
from ingestion.sources.vitals.hl7_oru import HL7_ORU
from ingestion.sources.vitals.long_csv import LONG_CSV
from ingestion.sources.vitals.raw import VITAL_VALUE
from ingestion.sources.vitals.vital_file import VITAL_FILE
from ingestion.sources.vitals.vitaldb_csv import VITALDB_CSV
from ingestion.sources.vitals.wfdb_numerics import WFDB_NUMERICS
from ingestion.sources.vitals.wide_csv import WIDE_CSV

SOURCE = Source(
    name="vitals",
    description="Vital signs of patient monitors: CSV (long, wide, VitalDB), WFDB, .vital, FHIR and HL7 v2.",
    formats=(LONG_CSV, WIDE_CSV, VITALDB_CSV, WFDB_NUMERICS, VITAL_FILE, FHIR, HL7_ORU),
    conform={VITAL_VALUE.name: conform_vital_value},
    direct={VITAL_VALUE.name: Direct("vital_sign", conform_in_worker)},
)
