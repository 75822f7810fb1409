"""cBioPortal timelines: what a table holds is taken, the rest is said."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile
from ingestion.sources import clinical, mutations
from ingestion.sources.cbioportal.timeline import TIMELINE
from tests.ingestion.mutations.frames import conformed, rows

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SITE = Site(site_id="boston", reporting_delay_days={"clinical": 2.0})
ZERO = datetime(2000, 1, 1, tzinfo=UTC)

TREATMENT = """\
PATIENT_ID\tSTART_DATE\tSTOP_DATE\tEVENT_TYPE\tTREATMENT_TYPE\tSUBTYPE\tAGENT\tREMARKS
P1\t10\t52\tTREATMENT\tMedical Therapy\tChemotherapy\tTemozolomide\tCANARY
P1\t10\t40\tTreatment\tMedical Therapy\tChemotherapy\tLomustine\t
P1\t10\t52\tTREATMENT\tRadiation Therapy\tWPRT\t60 Gy\t
P1\t200\t\tTREATMENT\tMedical Therapy\tImmunotherapy\tDurvalumab\t
P1\t-3\t\tSURGERY\t\tResection\t\t
P2\t7\t9\tTREATMENT\tMedical Therapy\tTargeted Therapy\tErlotinib\t
P2\t7\t9\tTREATMENT\tsomething\t\tErlotinib\t
P2\t\t9\tTREATMENT\tChemotherapy\t\tErlotinib\t
P2\tearly\t9\tTREATMENT\tChemotherapy\t\tErlotinib\t
"""


def read(text: str, name: str = "data_timeline.txt") -> list[dict[str, object]]:
    """Records without their null columns."""
    data = text.encode()
    for source in (clinical.SOURCE, mutations.SOURCE):
        assert [f.name for f in source.formats if f.recognise(Probe.of(name, data))] == ["cbioportal_timeline"]
    records = [r for batch in TIMELINE.read(RawFile(name, data), SITE) for r in batch.to_pylist()]
    return [{k: v for k, v in r.items() if v is not None} for r in records]


def test_treatments() -> None:
    keys = ("file_row", "kind", "agent", "dose_gy", "start_days", "stop_days", "problem")
    unknown = "neither TREATMENT_TYPE nor SUBTYPE is a known kind of treatment"
    records = read(TREATMENT)
    assert [tuple(r.get(k) for k in keys) for r in records] == [
        # two agents from one day on are one combination, until the last of them stops
        (0, "chemotherapy", "Lomustine + Temozolomide", None, "10", "52", None),
        (2, "radiotherapy_fraction", None, 60.0, "10", "52", None),
        (3, "immunotherapy", "Durvalumab", None, "200", None, None),
        (4, "surgery", None, None, "-3", None, None),
        (5, "other", "Erlotinib", None, "7", "9", None),
        (6, None, "Erlotinib", None, "7", "9", unknown),
        (7, "chemotherapy", "Erlotinib", None, None, "9", "START_DATE is not given"),
        (8, "chemotherapy", "Erlotinib", None, "early", "9", None),  # found when numbers are read
    ]
    assert "CANARY" not in repr(records)


@pytest.mark.parametrize(
    ("agent", "label", "dose", "problem"),
    [
        ("60 Gy", None, 60.0, None),
        ("5000cGy", None, 50.0, None),
        ("Proton", "Proton", None, None),
        ("x" * 61, None, None, "AGENT is no short label"),
    ],
)
def test_an_agent_is_a_name_or_a_dose(agent: str, label: str | None, dose: float | None, problem: str | None) -> None:
    [record] = read(
        f"PATIENT_ID\tSTART_DATE\tEVENT_TYPE\tTREATMENT_TYPE\tAGENT\nP1\t1\tTREATMENT\tRadiation\t{agent}\n"
    )
    assert (record.get("agent"), record.get("dose_gy"), record.get("problem")) == (label, dose, problem)


def test_specimens() -> None:
    text = (
        "PATIENT_ID\tSTART_DATE\tEVENT_TYPE\tSAMPLE_ID\tSPECIMEN_SITE\tSPECIMEN_TYPE\n"
        "P1\t0\tSPECIMEN\tS1\tliver\ttissue\nP1\t9\tSample Acquisition\tS2\t\tblood\nP1\t9\tSPECIMEN\tS3\t\t\n"
        "P1\t9\tSPECIMEN\t\t\t\nP1\t9\tSPECIMEN\tS4\t\tmoss\nP1\t9\tSEQUENCING\tS1\t\t\n"
    )
    assert [(r.get("sample_id"), r["specimen_type"], r.get("problem")) for r in read(text)] == [
        ("S1", "tumour", None),
        ("S2", "whole_blood", None),
        ("S3", "tumour", None),
        (None, "tumour", "the specimen names no SAMPLE_ID"),
        ("S4", "tumour", "SPECIMEN_TYPE is no known kind of material"),
        ("S1", "tumour", "no table holds events of this EVENT_TYPE"),
    ]


def test_statuses_and_laboratory_tests() -> None:
    text = (
        "PATIENT_ID\tSTART_DATE\tEVENT_TYPE\tSTATUS\tTEST\tRESULT\n"
        "P1\t90\tSTATUS\tPartial Response\t\t\nP1\t180\tSTATUS\tProgressive Disease\t\t\n"
        "P1\t200\tSTATUS\tPseudo-progression\t\t\nP1\t0\tSTATUS\tInitial Diagnosis\t\t\n"
        "P1\t5\tLAB_TEST\t\tKarnofsky\t90\nP1\t5\tLAB_TEST\t\tCEA\t\n"
    )
    no_status = "STATUS is no category of response; no other status has a table"
    assert [tuple(r.get(k) for k in ("category", "marker", "result", "problem")) for r in read(text)] == [
        ("PR", None, None, None),
        ("PD", None, None, None),
        ("pseudoprogression", None, None, None),
        (None, None, None, no_status),
        (None, "KPS", "90", None),
        (None, "CEA", None, "RESULT is not given"),
    ]


def test_a_timeline_that_no_table_holds_is_refused_in_one_sentence() -> None:
    text = "PATIENT_ID\tSTART_DATE\tSTOP_DATE\tEVENT_TYPE\tDIAGNOSTIC_TYPE\nP1\t1\t\tIMAGING\tMRI\n"
    with pytest.raises(
        FileError, match=r"^No event of the timeline is of a type that a table holds; expected [^.]*\.$"
    ):
        read(text)


@settings(max_examples=150)
@given(data=st.data())
def test_damaged_bytes_give_records_or_a_file_error(data: st.DataObject) -> None:
    content = bytearray(TREATMENT.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(0, len(content)))])
    TIMELINE.recognise(Probe.of("x.txt", damaged))
    try:
        records = [r for b in TIMELINE.read(RawFile("x.txt", damaged), SITE) for r in b.to_pylist()]
    except FileError:
        return
    numbers = [r["file_row"] for r in records]
    assert numbers == sorted(set(numbers))


@pytest.mark.slow
def test_events_become_rows_of_their_tables(spark: "SparkSession") -> None:
    files = {
        "data_timeline_treatment.txt": TREATMENT,
        "data_timeline_specimen.txt": "PATIENT_ID\tSTART_DATE\tEVENT_TYPE\tSAMPLE_ID\nP1\t0\tSPECIMEN\tS1\n"
        "P1\t-30\tSPECIMEN\tS2\nP1\t20140312\tSPECIMEN\tS3\n",
        "data_timeline_status.txt": "PATIENT_ID\tSTART_DATE\tEVENT_TYPE\tSTATUS\nP1\t90\tSTATUS\tSD\n"
        "P1\t95.5\tSTATUS\tpseudoprogression\n",
        "data_timeline_lab.txt": "PATIENT_ID\tSTART_DATE\tEVENT_TYPE\tTEST\tRESULT\tUNIT\n"
        "P1\t5\tLAB_TEST\tKPS\t90\tpoints\nP1\t5\tLAB_TEST\tCEA\t<3\tng/mL\n",
    }
    frames = conformed(spark, clinical.SOURCE, {n: t.encode() for n, t in files.items()}, SITE)

    def made(table: str, *columns: str) -> list[tuple[object, ...]]:
        """Rows, times as days from day 0."""
        found = rows(frames[table], *columns)
        return [tuple((v.astimezone(UTC) - ZERO) / timedelta(days=1) if isinstance(v, datetime) else v for v in r)
                for r in found]  # fmt: skip

    treatments = made("treatment", "kind", "start_time", "stop_time", "dose", "unit", "known_time", "problem")
    assert treatments[:4] == [
        ("chemotherapy", 10.0, 52.0, None, None, 12.0, None),
        ("radiotherapy_fraction", 10.0, 52.0, 60.0, "Gy", 12.0, None),
        ("immunotherapy", 200.0, None, None, None, 202.0, None),
        ("surgery", -3.0, None, None, None, -1.0, None),
    ]
    assert treatments[-1][-1] == "start_days is not a number"
    second = 1 / 86_400
    assert [(s, c, pytest.approx(k) if k is not None else k, p) for s, c, k, p in
            made("specimen", "sample_id", "collected_time", "known_time", "problem")] == [
        # a second after what the sample file, which knows no day, says of the same sample
        ("S1", 0.0, 2.0 + second, None),
        ("S2", -30.0, 2.0 + second, None),
        ("S3", None, None, "start_days are more than a life has"),
    ]  # fmt: skip
    assert made("outcome", "endpoint", "assessment", "outcome_time", "category", "is_event", "problem") == [
        ("response", "day 90", 90.0, "SD", None, None),
        ("pseudoprogression", "day 96", 95.5, None, True, None),
    ]
    assert made("biomarker", "marker", "value", "unit", "method", "event_time", "problem") == [
        ("CEA", None, "ng/mL", "cBioPortal LAB_TEST", 5.0, "RESULT is not a number"),
        ("KPS", 90.0, "{score}", "cBioPortal LAB_TEST", 5.0, None),
    ][::-1]  # fmt: skip
