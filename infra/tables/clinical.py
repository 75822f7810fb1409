"""Who the patients are, which samples they gave, what they were given, and what became of them."""

from infra.checks import Between, Matches, NotBefore, NotNull, OneOf
from infra.table import Column, Table

PATIENT_ID = Column("patient_id", "string", "Pseudonym of the patient.", checks=(NotNull(), Matches("[a-z0-9]{26}")))
SAMPLE_ID = Column("sample_id", "string", "Pseudonym of the sample.", checks=(NotNull(), Matches("[a-z0-9]{26}")))
OPTIONAL_SAMPLE_ID = Column("sample_id", "string", "Pseudonym of the sample.", checks=(Matches("[a-z0-9]{26}"),))

patient = Table(
    name="patient",
    grain="a patient",
    description="People in the studies. event_time is the day of enrolment, or of birth year where none is given.",
    key=("patient_id",),
    columns=(
        PATIENT_ID,
        Column("sex", "string", "Sex at birth.", checks=(OneOf(("female", "male", "other"), "warning"),)),
        Column("birth_year", "int", "Year of birth.", "a", (Between(1900, 2100, "warning"),)),
    ),
)

specimen = Table(
    name="specimen",
    grain="a sample drawn or cut",
    description="Maps a sample to its patient, time point and collection time. event_time is the collection time.",
    key=("sample_id",),
    columns=(
        SAMPLE_ID,
        PATIENT_ID,
        Column(
            "specimen_type",
            "string",
            "Kind of material.",
            checks=(
                NotNull("warning"),
                OneOf(("plasma", "serum", "whole_blood", "tumour", "csf", "urine", "other"), "warning"),
            ),
        ),
        Column("timepoint", "string", "Name of the visit in the protocol (baseline, week 2 ...)."),
        Column("collected_time", "timestamp", "When the sample was collected (UTC).", checks=(NotNull(),)),
    ),
)

treatment = Table(
    name="treatment",
    grain="a treatment given",
    description="Fractions of radiotherapy, infusions, operations. event_time is start_time.",
    key=("patient_id", "kind", "start_time"),
    columns=(
        PATIENT_ID,
        Column(
            "kind",
            "string",
            "Kind of treatment.",
            checks=(
                NotNull(),
                OneOf(
                    ("radiotherapy_fraction", "immunotherapy", "chemotherapy", "surgery", "corticosteroid", "other"),
                    "warning",
                ),
            ),
        ),
        Column("agent", "string", "Name of the drug, device or technique."),
        Column("start_time", "timestamp", "When it began (UTC).", checks=(NotNull(),)),
        Column("stop_time", "timestamp", "When it ended (UTC).", checks=(NotBefore("start_time"),)),
        Column("dose", "double", "Dose given, in `unit`.", checks=(Between(low=0),)),
        Column("unit", "string", "UCUM unit of the dose.", checks=(NotNull("warning", where="dose IS NOT NULL"),)),
    ),
)

biomarker = Table(
    name="biomarker",
    grain="a marker result",
    description="Results of single markers of tumour or blood (PD-L1, MGMT, IDH1, performance status ...).",
    key=("patient_id", "sample_id", "marker", "method", "event_time"),
    columns=(
        PATIENT_ID,
        OPTIONAL_SAMPLE_ID,
        Column("marker", "string", "Name of the marker (HGNC symbol where it has one).", checks=(NotNull(),)),
        Column("value", "double", "Measured value, in `unit`.", checks=(Between(0, 100, where="unit = '%'"),)),
        Column("unit", "string", "UCUM unit of the value.", checks=(NotNull("warning", where="value IS NOT NULL"),)),
        Column("call", "string", "Categorical reading: methylated, unmethylated, grey, positive, mutant, wildtype ..."),
        Column("method", "string", "Assay, clone or score (pyrosequencing, SP263 TPS ...)."),
    ),
)

outcome = Table(
    name="outcome",
    grain="an endpoint of a patient",
    description="Endpoints. For OS and PFS, outcome_time is the event, or the last day on which it was excluded.",
    key=("patient_id", "endpoint", "assessment"),
    columns=(
        PATIENT_ID,
        Column(
            "endpoint",
            "string",
            "Which endpoint.",
            checks=(NotNull(), OneOf(("OS", "PFS", "DFS", "response", "pseudoprogression", "other"))),
        ),
        Column("assessment", "string", "Which assessment, for an endpoint judged more than once (first, week 12 ...)."),
        Column(
            "outcome_time", "timestamp", "When the endpoint was reached or last excluded (UTC).", checks=(NotNull(),)
        ),
        Column(
            "is_event",
            "boolean",
            "True: it happened at outcome_time. False: censored then.",
            checks=(NotNull(where="endpoint IN ('OS', 'PFS', 'DFS')"),),
        ),
        Column(
            "category",
            "string",
            "Category of the endpoint: CR, PR, SD, PD for response by RANO.",
            checks=(
                OneOf(("CR", "PR", "SD", "PD"), where="endpoint = 'response'"),
                NotNull(where="endpoint = 'response'"),
            ),
        ),
        Column("criterion", "string", "Criterion and version: RANO, iRANO, clinical ..."),
    ),
)
