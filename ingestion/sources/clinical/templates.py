"""The CSV templates of this project, one a table: which columns they have, and what may stand in them.

Documented for hospitals in docs/templates.md; a test holds the two together.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import pyarrow as pa

from ingestion.columnar import find_name
from ingestion.format import RawColumn, RawSchema
from ingestion.vocabulary import (
    CALL,
    CATEGORY,
    ENDPOINT,
    MARKERS,
    SEX,
    SPECIMEN_TYPE,
    TREATMENT_KIND,
    UNITS,
    YES_NO,
    Vocabulary,
)

Kind = Literal["identifier", "time", "number", "code", "name", "label", "flag"]
"""code: a word of a closed vocabulary. name: of an open one, aliases unified. label: short text. flag: yes or no."""

TIMESTAMP = pa.timestamp("us", tz="UTC")
_TYPES: dict[Kind, pa.DataType] = {"time": TIMESTAMP, "flag": pa.bool_()}


@dataclass(frozen=True)
class TemplateColumn:
    """One column of a template. `<name>_time` may also be called `<name>_date`, and the event's time `event_time`."""

    name: str
    kind: Kind
    description: str
    is_required: bool = False
    vocabulary: Vocabulary | None = None
    is_event: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The names that a file may give it."""
        names = (self.name, self.name.removesuffix("_time") + "_date") if self.kind == "time" else (self.name,)
        return (*names, "event_time", "event_date") if self.is_event else names


REPORT_TIME = TemplateColumn(
    "report_time", "time", "When the value was reported; without it, the event and the site's declared delay count."
)
_PATIENT_ID = TemplateColumn("patient_id", "identifier", "The patient.", is_required=True)


@dataclass(frozen=True)
class Template:
    """A CSV template.

    signature: columns of which a header must have one to be this template.
    The time column with `is_event` says when the row's fact was observed.
    """

    table: str
    signature: tuple[str, ...]
    columns: tuple[TemplateColumn, ...]

    @property
    def event(self) -> TemplateColumn:
        return next(c for c in self.columns if c.is_event)

    @property
    def fields(self) -> tuple[str, ...]:
        """Every column that a table may have; of a patient's birth the year or the date."""
        born = ("birth_year", "birth_date") if self.table == "patient" else ()
        return (*(c.name for c in self.columns), *born)

    def missing_from(self, header: list[str]) -> list[str]:
        """Required columns that a header lacks."""
        return [c.name for c in self.columns if c.is_required and find_name(header, *c.names) is None]

    @cached_property
    def raw(self) -> RawSchema:
        """Raw records: the template's columns, and since when a row is known.

        reported_known_time: from report_time. observed_known_time: from the event, before the site's delay. Both are
        the end of the day where the file gives only a day.
        """
        columns = tuple(
            RawColumn(c.name, _TYPES.get(c.kind, pa.string()), "identifier" if c.kind == "identifier" else "plain")
            for c in self.columns
        )
        extra = (RawColumn("birth_year", pa.int32()),) if self.table == "patient" else ()
        known = (RawColumn("reported_known_time", TIMESTAMP), RawColumn("observed_known_time", TIMESTAMP))
        return RawSchema(f"{self.table}_row", (*columns, *extra, *known))


PATIENT = Template(
    table="patient",
    signature=("sex", "birth_year", "birth_date"),
    columns=(
        _PATIENT_ID,
        TemplateColumn("sex", "code", "Sex at birth.", vocabulary=SEX),
        TemplateColumn("enrolled_time", "time", "When the patient joined the study.", is_event=True),
        REPORT_TIME,
    ),
)
SPECIMEN = Template(
    table="specimen",
    signature=("collected_time", "collected_date"),
    columns=(
        TemplateColumn("sample_id", "identifier", "The sample, as laboratories name it in their files.", True),
        _PATIENT_ID,
        TemplateColumn("specimen_type", "code", "Kind of material.", vocabulary=SPECIMEN_TYPE),
        TemplateColumn("timepoint", "label", "Name of the visit in the protocol."),
        TemplateColumn("collected_time", "time", "When the sample was drawn or cut.", True, is_event=True),
        REPORT_TIME,
    ),
)
TREATMENT = Template(
    table="treatment",
    signature=("start_time", "start_date"),
    columns=(
        _PATIENT_ID,
        TemplateColumn("kind", "code", "Kind of treatment.", is_required=True, vocabulary=TREATMENT_KIND),
        TemplateColumn("agent", "label", "Name of the drug, device or technique."),
        TemplateColumn("start_time", "time", "When it began.", True, is_event=True),
        TemplateColumn("stop_time", "time", "When it ended."),
        TemplateColumn("dose", "number", "Dose given, in `unit`."),
        TemplateColumn("unit", "name", "UCUM unit of the dose (Gy, mg ...).", vocabulary=UNITS),
        REPORT_TIME,
    ),
)
BIOMARKER = Template(
    table="biomarker",
    signature=("marker",),
    columns=(
        _PATIENT_ID,
        TemplateColumn("sample_id", "identifier", "The sample that was measured."),
        TemplateColumn("marker", "name", "Name of the marker (PD-L1, MGMT, IDH1 ...).", True, MARKERS),
        TemplateColumn("value", "number", "Measured value, in `unit`."),
        TemplateColumn("unit", "name", "UCUM unit of the value.", vocabulary=UNITS),
        TemplateColumn("call", "code", "Categorical reading.", vocabulary=CALL),
        TemplateColumn("method", "label", "Assay, clone and score (pyrosequencing, SP263 TPS ...)."),
        TemplateColumn("measured_time", "time", "When the sample was taken or the marker seen.", True, is_event=True),
        REPORT_TIME,
    ),
)
OUTCOME = Template(
    table="outcome",
    signature=("endpoint",),
    columns=(
        _PATIENT_ID,
        TemplateColumn("endpoint", "code", "Which endpoint.", is_required=True, vocabulary=ENDPOINT),
        TemplateColumn("assessment", "label", "Which assessment, where there are several (first, week 12 ...)."),
        TemplateColumn("outcome_time", "time", "When it was reached, or last excluded.", True, is_event=True),
        TemplateColumn("is_event", "flag", "Whether it happened; no: censored.", vocabulary=YES_NO),
        TemplateColumn("category", "code", "Category of the endpoint.", vocabulary=CATEGORY),
        TemplateColumn("criterion", "label", "Criterion and version (RANO, iRANO ...)."),
        REPORT_TIME,
    ),
)
TEMPLATES = (SPECIMEN, TREATMENT, BIOMARKER, OUTCOME, PATIENT)


def template_of(header: list[str]) -> Template | None:
    """The one template that a header belongs to, or None.

    A header that carries the signatures of two of the first four is none; those may have a patient's columns beside
    their own, so `patient` is what has none of their signatures.
    """
    # `case_id` is a table of vital signs, `event_type` a timeline of a cBioPortal study.
    if find_name(header, "patient_id") is None or find_name(header, "case_id", "event_type") is not None:
        return None
    signed = [t for t in TEMPLATES if find_name(header, *t.signature) is not None]
    others = [t for t in signed if t is not PATIENT]
    if others:
        return others[0] if len(others) == 1 else None
    return signed[0] if signed else None
