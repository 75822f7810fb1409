"""Timelines of a cBioPortal study (data_timeline_*.txt): events of patients, in days from diagnosis.

https://docs.cbioportal.org/file-formats/#timeline-data: PATIENT_ID, START_DATE, STOP_DATE (blank for a moment) and
EVENT_TYPE, a free word, with suggested columns for some types. What a table of the lake holds is taken:

- TREATMENT, SURGERY, RADIATION: `treatment`. The kind follows from TREATMENT_TYPE, SUBTYPE or the event's type. A
  course of radiotherapy is one row of kind radiotherapy_fraction, from its first to its last day; an AGENT such as
  '60 Gy' is its dose. Agents of one kind that begin on one day are one record, a combination ('A + B').
- SPECIMEN, SAMPLE ACQUISITION: `specimen`, with the day on which it was taken.
- STATUS: `outcome`, only where it is a category of response (CR, PR, SD, PD in words or letters) or pseudoprogression.
  Other statuses have no endpoint of their own; survival is read from the patient file.
- LAB_TEST with a number as RESULT: `biomarker`.

Events of other types (IMAGING, SEQUENCING, DIAGNOSIS ...) are records with a problem where a file has them beside
others; a file of nothing else is refused in one sentence. Columns that are not named here may hold free text: they
are not read.
"""

import re
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import FileError
from infra.settings import Site
from ingestion.columnar import TextColumns, distinct, find_name, header_of, mapped, read_columns
from ingestion.format import Format, Probe, RawFile
from ingestion.labels import is_label
from ingestion.problems import join_problems, where
from ingestion.sources.cbioportal.raw import CBIOPORTAL_EVENT, MISSING
from ingestion.vocabulary import CATEGORY, MARKERS, SPECIMEN_TYPE, TREATMENT_KIND, UNITS, lookup, named, plain

TREATMENT, SPECIMEN, STATUS, LAB_TEST, OTHER = "treatment", "specimen", "status", "lab_test", "other"
_EVENTS = {
    "treatment": TREATMENT,
    "treatments": TREATMENT,
    "surgery": TREATMENT,
    "radiation": TREATMENT,
    "radiation therapy": TREATMENT,
    "specimen": SPECIMEN,
    "sample acquisition": SPECIMEN,
    "status": STATUS,
    "lab test": LAB_TEST,
}
_KINDS = lookup(TREATMENT_KIND) | {
    "radiation therapy": "radiotherapy_fraction",
    "radiation": "radiotherapy_fraction",
    "wprt": "radiotherapy_fraction",
    "ivrt": "radiotherapy_fraction",
    "immune therapy": "immunotherapy",
    "immuno": "immunotherapy",
    "medical therapy": "other",
    "hormone therapy": "other",
    "targeted therapy": "other",
    "biologic": "other",
}
_TISSUES = lookup(SPECIMEN_TYPE) | {"tissue": "tumour"}
_RESPONSES = {word: code for word, code in lookup(CATEGORY).items() if code != "indeterminate"}
_DOSE = re.compile(r"(\d+(?:\.\d+)?)\s*(c?)gy", re.IGNORECASE)


def _recognise(probe: Probe) -> bool:
    header = header_of(probe.lines)
    return all(find_name(header, name) for name in ("PATIENT_ID", "START_DATE", "EVENT_TYPE"))


def read_timeline(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """One record an event; agents of one kind that one patient began on one day are one.

    Raises FileError where no event is of a type that a table holds.
    """
    table = read_columns(raw.text)
    events = _coded(table.need("EVENT_TYPE", missing=MISSING), _EVENTS, OTHER)
    if table.n_rows and not set(distinct(events)) - {OTHER}:
        raise FileError(
            "No event of the timeline is of a type that a table holds; expected EVENT_TYPE TREATMENT, SURGERY, "
            "SPECIMEN, SAMPLE ACQUISITION, STATUS or LAB_TEST (imaging, sequencing and diagnoses have no table)."
        )
    agent, dose, agent_problem = _agent(_get(table, "AGENT"))
    category = _coded(_get(table, "STATUS"), _RESPONSES, None)
    kind = _kind(table, events)
    specimen_type = _coded(_get(table, "SPECIMEN_TYPE"), _TISSUES, None)
    marker = _get(table, "TEST")
    is_short = pc.fill_null(is_label(marker), False)
    checks: tuple[tuple[str, pa.Array, str], ...] = (
        (OTHER, pc.is_valid(events), "no table holds events of this EVENT_TYPE"),
        (TREATMENT, pc.is_null(kind), "neither TREATMENT_TYPE nor SUBTYPE is a known kind of treatment"),
        (SPECIMEN, pc.is_null(_sample(table)), "the specimen names no SAMPLE_ID"),
        (SPECIMEN, _unknown(table, "SPECIMEN_TYPE", specimen_type), "SPECIMEN_TYPE is no known kind of material"),
        (STATUS, pc.is_null(category), "STATUS is no category of response; no other status has a table"),
        (LAB_TEST, pc.invert(is_short), "TEST is no short label of up to 60 characters"),
        (LAB_TEST, pc.is_null(_get(table, "RESULT")), "RESULT is not given"),
    )
    problems = join_problems(
        table.problems,
        where(pc.is_null(_get(table, "START_DATE")), "START_DATE is not given"),
        *(where(pc.and_(pc.equal(events, event), broken), problem) for event, broken, problem in checks),
        where(pc.and_(pc.equal(events, TREATMENT), pc.is_valid(agent_problem)), "AGENT is no short label"),
    )
    columns: dict[str, pa.Array] = {
        "event": events,
        "patient_id": table.need("PATIENT_ID", missing=MISSING),
        "start_days": _get(table, "START_DATE"),
        "stop_days": _get(table, "STOP_DATE"),
        "kind": kind,
        "agent": agent,
        "dose_gy": dose,
        "sample_id": _sample(table),
        # The samples of a study are of tumours, as the sample file has them.
        "specimen_type": pc.fill_null(specimen_type, "tumour"),
        "category": category,
        "marker": named(pc.if_else(is_short, marker, None), MARKERS),
        "result": _get(table, "RESULT"),
        "unit": named(_get(table, "UNIT", "UNITS"), UNITS),
    }
    rows = pa.table({"file_row": pa.array(range(table.n_rows), pa.int64()), "problem": problems, **columns}).to_pylist()
    records = _combined(rows)
    yield CBIOPORTAL_EVENT.batch(**{n: [r.get(n) for r in records] for n in CBIOPORTAL_EVENT.arrow.names})


def _combined(rows: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """The rows, agents that begin together joined in the first of theirs: by name, until the last of them stops."""
    records: list[dict[str, object]] = []
    begun: dict[tuple[object, ...], list[dict[str, object]]] = {}
    for row in rows:
        is_drug = row["event"] == TREATMENT and row["agent"] and row["dose_gy"] is None and not row["problem"]
        key = (row["patient_id"], row["kind"], row["start_days"])
        if not is_drug or key not in begun:
            records.append(row)
        if is_drug:
            begun.setdefault(key, []).append(row)
    for together in begun.values():
        if len(together) > 1:
            stops = [s for row in together if (s := row["stop_days"]) is not None]
            together[0]["agent"] = " + ".join(sorted({str(row["agent"]) for row in together}))
            together[0]["stop_days"] = max(stops, key=_days, default=None)
    return records


def _days(text: object) -> float:
    try:
        return float(str(text).replace(",", "."))
    except ValueError:
        return float("inf")  # it stays, and `conform` finds that it is no number


def _kind(table: TextColumns, events: pa.Array) -> pa.Array:
    """Kind of treatment: what SUBTYPE says, else TREATMENT_TYPE, else the event's type; 'other' gives way to each."""
    words = (_get(table, "SUBTYPE"), _get(table, "TREATMENT_TYPE"), table.need("EVENT_TYPE", missing=MISSING))
    told = [_coded(w, _KINDS, None) for w in words]
    clear = [pc.if_else(pc.equal(t, "other"), None, t) for t in told]
    vague = [pc.if_else(pc.equal(t, "other"), t, None) for t in told]
    return pc.if_else(pc.equal(events, TREATMENT), pc.coalesce(*clear, *vague), None)


def _agent(values: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array]:
    """AGENT as a label, as a dose in Gy where it is one, and what is neither."""
    doses = {t: m for t in distinct(values) if (m := _DOSE.fullmatch(t))}
    gray = [(t, float(m[1]) / (100 if m[2] else 1)) for t, m in doses.items()]
    keys, amounts = pa.array([t for t, _ in gray], pa.string()), pa.array([g for _, g in gray], pa.float64())
    is_dose = pc.is_in(values, keys)
    is_short = is_label(values)
    label = pc.if_else(pc.and_(is_short, pc.invert(is_dose)), values, None)
    neither = pc.invert(pc.or_(is_short, is_dose))
    return label, amounts.take(pc.index_in(values, keys)), where(neither, "AGENT")


def _sample(table: TextColumns) -> pa.Array:
    return _get(table, "SAMPLE_ID", "SPECIMEN_REFERENCE_NUMBER")


def _unknown(table: TextColumns, column: str, codes: pa.Array) -> pa.Array:
    return pc.and_(pc.is_valid(_get(table, column)), pc.is_null(codes))


def _coded(values: pa.Array, codes: dict[str, str], otherwise: str | None) -> pa.Array:
    """Words into codes; what is no known word becomes `otherwise`."""
    coded = mapped(values, [(text, codes.get(plain(text), otherwise)) for text in distinct(values)])
    return coded if otherwise is None else pc.fill_null(coded, otherwise)


def _get(table: TextColumns, *names: str) -> pa.Array:
    """A column that the file need not have: all null where it has not."""
    column = table.get(*names, missing=MISSING)
    return pa.nulls(table.n_rows, pa.string()) if column is None else column


TIMELINE = Format(
    name="cbioportal_timeline",
    looked_for="a cBioPortal timeline with PATIENT_ID, START_DATE and EVENT_TYPE",
    recognise=_recognise,
    read=read_timeline,
    raw=CBIOPORTAL_EVENT,
)
