"""The raw record of vital signs: one value of one signal at one time, whatever the layout of the file."""

import pyarrow as pa

from ingestion.format import RawColumn, RawSchema

VITAL_VALUE = RawSchema(
    "vital_value",
    (
        RawColumn("case_id", role="identifier"),
        RawColumn("patient_id", role="identifier"),
        RawColumn("event_time", pa.timestamp("us", tz="UTC")),
        # When the value was made available, where the file says so (FHIR `issued`).
        RawColumn("known_time", pa.timestamp("us", tz="UTC")),
        RawColumn("signal"),
        RawColumn("value", pa.float64()),
        RawColumn("unit"),
        RawColumn("device"),
        # A device's own identifier (a reference, a serial number): it may lead to the bed, and so to the patient.
        RawColumn("device_id", role="identifier"),
        # The cell as written where it is no number, so that quarantine holds what the file said.
        RawColumn("reported"),
    ),
)
