"""Clinical patient and sample files: four `#` rows (names, descriptions, types, priorities), then the header.

Attributes other than those of `raw.py` are not read: they may hold free text.
"""

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from infra.settings import Site
from ingestion.columnar import TextColumns, distinct, header_of, mapped, read_columns
from ingestion.format import Format, Probe, RawFile
from ingestion.problems import join_problems
from ingestion.sources.cbioportal.raw import (
    CBIOPORTAL_PATIENT,
    CBIOPORTAL_SAMPLE,
    ENDPOINTS,
    MISSING,
    SAMPLE_MARKERS,
)
from ingestion.vocabulary import CALL, SEX, coded, plain

_EVENT_WORDS = {
    "deceased": "true", "dead": "true", "recurred": "true", "progressed": "true", "recurred progressed": "true",
    "progression": "true", "progressed recurred": "true", "1": "true", "yes": "true",
    "living": "false", "alive": "false", "diseasefree": "false", "disease free": "false", "censored": "false",
    "progressionfree": "false", "not progressed": "false", "0": "false", "no": "false",
}  # fmt: skip
_TIMEPOINTS = {
    "primary": ("primary tumor", "primary solid tumor"),
    "recurrence": ("recurrent", "recurrent tumor", "recurrent solid tumor", "local recurrence"),
    "metastasis": ("metastatic", "metastatic tumor"),
}


def _is_clinical(probe: Probe) -> bool:
    lines = [line for line in probe.lines if line.strip()]
    is_timeline = "EVENT_TYPE" in header_of(probe.lines)
    return bool(lines) and lines[0].startswith("#") and any("\t" in line for line in lines[:6]) and not is_timeline


def _recognise_patient(probe: Probe) -> bool:
    header = header_of(probe.lines)
    return _is_clinical(probe) and "PATIENT_ID" in header and "SAMPLE_ID" not in header


def _recognise_sample(probe: Probe) -> bool:
    header = header_of(probe.lines)
    return _is_clinical(probe) and "PATIENT_ID" in header and "SAMPLE_ID" in header


def is_event(status: pa.Array, column: str) -> tuple[pa.Array, pa.Array]:
    """`1:DECEASED`, `0:LIVING` or plain words into booleans, and the problem of each row (null: none)."""
    words = {}
    for text in distinct(status):
        code = text.split(":", 1)[0].strip() if ":" in text else plain(text)
        words[text] = _EVENT_WORDS.get(code)
    problem = f"{column} is neither an event (1:DECEASED) nor its absence (0:LIVING)"
    codes = mapped(status, words.items())
    flags = pc.equal(codes, "true")
    return flags, mapped(status, [(w, problem) for w, code in words.items() if code is None])


def read_patient(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """One record a row. Raises FileError where the columns cannot be told apart."""
    table = read_columns(raw.text)
    problems = table.problems
    sex, sex_problems = coded(_get(table, "SEX", "GENDER"), SEX, "SEX")
    columns: dict[str, pa.Array] = {
        "patient_id": table.need("PATIENT_ID", missing=MISSING),
        "sex": sex,
        "age": _get(table, "AGE", "AGE_AT_DIAGNOSIS", "DIAGNOSIS_AGE"),
    }
    problems = join_problems(problems, sex_problems)
    for endpoint in ENDPOINTS:
        flags, unclear = is_event(_get(table, f"{endpoint}_STATUS"), f"{endpoint}_STATUS")
        columns[f"{endpoint.lower()}_is_event"] = flags
        columns[f"{endpoint.lower()}_months"] = _get(table, f"{endpoint}_MONTHS")
        problems = join_problems(problems, unclear)
    yield CBIOPORTAL_PATIENT.batch(file_row=list(range(table.n_rows)), problem=problems, **columns)


def read_sample(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """One record a row. Raises FileError where the columns cannot be told apart."""
    table = read_columns(raw.text)
    timepoint, _ = coded(_get(table, "SAMPLE_TYPE", "SAMPLE_CLASS"), _TIMEPOINTS, "SAMPLE_TYPE")
    problems = table.problems
    markers = {}
    for marker in SAMPLE_MARKERS:
        values = _get(table, marker.column)
        if marker.kind == "call":
            values, unclear = coded(values, CALL, marker.column)
            problems = join_problems(problems, unclear)
        markers[marker.raw_name] = values
    yield CBIOPORTAL_SAMPLE.batch(
        file_row=list(range(table.n_rows)),
        problem=problems,
        sample_id=table.need("SAMPLE_ID", missing=MISSING),
        patient_id=table.need("PATIENT_ID", missing=MISSING),
        timepoint=timepoint,
        **markers,
    )


def _get(table: TextColumns, *names: str) -> pa.Array:
    """A column that the file need not have: all null where it has not."""
    column = table.get(*names, missing=MISSING)
    return pa.nulls(table.n_rows, pa.string()) if column is None else column


CLINICAL_PATIENT = Format(
    name="cbioportal_clinical_patient",
    looked_for="a cBioPortal clinical patient file: '#' rows, then a header with PATIENT_ID",
    recognise=_recognise_patient,
    read=read_patient,
    raw=CBIOPORTAL_PATIENT,
)
CLINICAL_SAMPLE = Format(
    name="cbioportal_clinical_sample",
    looked_for="a cBioPortal clinical sample file: '#' rows, then a header with SAMPLE_ID and PATIENT_ID",
    recognise=_recognise_sample,
    read=read_sample,
    raw=CBIOPORTAL_SAMPLE,
)
