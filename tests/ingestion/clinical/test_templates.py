"""The clinical templates: what is recognised, read, refused, and never let through."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from infra.tables import TABLES
from ingestion.format import Probe, RawFile, recognise
from ingestion.sources.clinical import SOURCE
from ingestion.sources.clinical.template_csv import TEMPLATE_FORMATS
from ingestion.sources.clinical.templates import TEMPLATES

TOULOUSE = Site(site_id="toulouse", day_first=True, time_zone="Europe/Paris")


def read(text: str, site: Site | None = None, encoding: str = "utf-8") -> list[dict[str, object]]:
    """Records without their null columns."""
    content = text.encode(encoding)
    format_ = recognise(SOURCE.formats, Probe.of("table.csv", content))
    assert format_ is not None
    records = [r for b in format_.read(RawFile("table.csv", content), site or Site()) for r in b.to_pylist()]
    return [{k: v for k, v in r.items() if v is not None and k != "file_row"} for r in records]


HEADERS = {
    "patient_csv": "patient_id,sex,birth_year",
    "specimen_csv": "sample_id,patient_id,specimen_type,timepoint,collected_time",
    "treatment_csv": "Patient_ID;Kind;Agent;Start_Date;Stop_Date;Dose;Unit",
    "biomarker_csv": "patient_id,marker,value,unit,measured_time,sex",  # a patient's column beside its own
    "outcome_csv": "patient_id,endpoint,outcome_date,is_event",
    "cbioportal_clinical_patient": "#a\tb\n#a\tb\n#STRING\tSTRING\n#1\t1\nPATIENT_ID\tSEX",
    "cbioportal_clinical_sample": "#a\tb\n#a\tb\n#STRING\tSTRING\n#1\t1\nPATIENT_ID\tSAMPLE_ID",
}


@pytest.mark.parametrize("name", HEADERS)
def test_each_table_is_known_by_one_format_only(name: str) -> None:
    probe = Probe.of("export.csv", (HEADERS[name] + "\n").encode())
    assert [f.name for f in SOURCE.formats if f.recognise(probe)] == [name]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "patient_id,remark\n",
        "sex,birth_year\n",
        "case_id,patient_id,time,HR,sex\n",
        "patient_id,marker,endpoint\n",
        "Sample,Analyte,Value\n",
    ],
)
def test_other_tables_are_known_by_none(text: str) -> None:
    assert recognise(SOURCE.formats, Probe.of("patient.csv", text.encode())) is None


def test_a_french_patient_table_gives_a_year_of_birth_and_no_date() -> None:
    records = read(
        "patient_id;sexe_texte;sex;birth_date;enrolled_date;commentaire\r\n"
        "P1;;Femme;01/01/1960;13.02.2024;Mme Durand va bien\r\n"
        "P2;;H;31/12/1955;14/02/2024;\r\n",
        TOULOUSE,
        "cp1252",
    )
    assert records == [
        {"patient_id": "P1", "sex": "female", "birth_year": 1960,
         "enrolled_time": datetime(2024, 2, 12, 23, tzinfo=UTC),
         "observed_known_time": datetime(2024, 2, 13, 23, tzinfo=UTC)},
        {"patient_id": "P2", "sex": "male", "birth_year": 1955,
         "enrolled_time": datetime(2024, 2, 13, 23, tzinfo=UTC),
         "observed_known_time": datetime(2024, 2, 14, 23, tzinfo=UTC)},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "year"), [("1960", 1960), ("1960-05-03", 1960), ("03/05/1960", 1960), ("sixty", None), ("", None)]
)
def test_birth_years(cell: str, year: int | None) -> None:
    record = read(f"patient_id,birth_year\nP1,{cell}\n", TOULOUSE)[0]
    assert record.get("birth_year") == year
    assert ("problem" in record) == (cell == "sixty")


def test_a_specimen_is_known_when_it_is_reported() -> None:
    records = read(
        "sample_id,patient_id,specimen_type,timepoint,collected_time,report_time\n"
        "S1,P1,plasma,week 2,2024-03-28T10:00:00,2024-04-02\n"
        "S2,P1,Sang total,baseline,2024-03-14,\n"
    )
    assert records == [
        {"sample_id": "S1", "patient_id": "P1", "specimen_type": "plasma", "timepoint": "week 2",
         "collected_time": datetime(2024, 3, 28, 10, tzinfo=UTC), "report_time": datetime(2024, 4, 2, tzinfo=UTC),
         "reported_known_time": datetime(2024, 4, 3, tzinfo=UTC),  # at the end of the day of the report
         "observed_known_time": datetime(2024, 3, 28, 10, tzinfo=UTC)},
        {"sample_id": "S2", "patient_id": "P1", "specimen_type": "whole_blood", "timepoint": "baseline",
         "collected_time": datetime(2024, 3, 14, tzinfo=UTC),
         "observed_known_time": datetime(2024, 3, 15, tzinfo=UTC)},
    ]  # fmt: skip


def test_a_french_treatment_table() -> None:
    record = read(
        "patient_id;kind;agent;start_time;dose;unit\n"
        "P1;Radiothérapie;radiothérapie stéréotaxique;28/03/2024 09:30;2,5;gray\n",
        TOULOUSE,
        "cp1252",
    )[0]
    assert (record["kind"], record["agent"], record["dose"], record["unit"]) == (
        "radiotherapy_fraction",
        "radiothérapie stéréotaxique",
        "2,5",
        "Gy",
    )
    assert record["start_time"] == datetime(2024, 3, 28, 8, 30, tzinfo=UTC)


def test_markers_calls_and_methods() -> None:
    records = read(
        "patient_id,marker,value,unit,call,method,event_time\n"
        "P1,mgmt promoter,7.5,%,,pyrosequencing,2024-03-28\n"
        "P1,PDL1,60,%,,SP263 TPS,2024-03-28\n"
        "P1,MGMT,,,Non fait,,2024-03-28\n"
        "P1,H3F3A,,,wild-type,,2024-03-28\n"
    )
    assert [(r["marker"], r.get("value"), r.get("call"), r.get("method")) for r in records] == [
        ("MGMT", "7.5", None, "pyrosequencing"),
        ("PD-L1", "60", None, "SP263 TPS"),
        ("MGMT", None, "not done", None),
        ("H3F3A", None, "wildtype", None),
    ]


@pytest.mark.parametrize(
    ("word", "is_event"), [("oui", True), ("NON", False), ("1", True), ("Décédé", True), ("vivant", False), ("", None)]
)
def test_event_words(word: str, is_event: bool | None) -> None:
    record = read(f"patient_id,endpoint,outcome_time,is_event\nP1,Survie globale,2024-03-28,{word}\n")[0]
    assert (record["endpoint"], record.get("is_event"), record.get("problem")) == ("OS", is_event, None)


def test_what_should_be_a_code_and_is_not_is_a_problem_and_is_not_let_through() -> None:
    records = read(
        "patient_id,endpoint,outcome_time,is_event,category,criterion\n"
        f"P1,response,2024-03-28,,NE,see letter of Dr Miller; the patient has {'x' * 60}\n"
    )
    assert records[0]["problem"] == (
        "category is none of CR, PR, SD, PD, pseudoprogression, indeterminate; "
        "criterion is no short label of up to 60 characters"
    )
    assert "NE" not in records[0].values() and "Miller" not in str(records)


def test_rows_with_problems_do_not_spoil_their_neighbours() -> None:
    records = read(
        "sample_id,patient_id,collected_time\nS1,P1,31/02/2024\nS2,P1,28/02/2024\nS3,P1,28/02/2024,x\n", TOULOUSE
    )
    assert [bool(r.get("problem")) for r in records] == [True, False, True]


def test_missing_columns_are_named() -> None:
    with pytest.raises(FileError, match=r"^The outcome table lacks its columns outcome_time; see docs/templates.md.$"):
        read("patient_id,endpoint,is_event\nP1,OS,1\n")


def test_ambiguous_dates_are_refused() -> None:
    with pytest.raises(FileError, match="day or month first"):
        read("sample_id,patient_id,collected_time\nS1,P1,03/04/2024\n")


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.table)
def test_templates_fit_their_tables(template: object) -> None:
    template = next(t for t in TEMPLATES if t is template)
    declared = {c.name for c in TABLES[template.table].columns}
    given = {c.name for c in template.raw.columns} - {
        "report_time",
        "reported_known_time",
        "observed_known_time",
        "enrolled_time",
        "measured_time",
    }
    assert given == declared
    assert [c.role for c in template.raw.columns if c.name in ("patient_id", "sample_id")] == ["identifier"] * len(
        given & {"patient_id", "sample_id"}
    )


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda t: t.table)
def test_the_documentation_says_what_the_templates_declare(template: object) -> None:
    template = next(t for t in TEMPLATES if t is template)
    text = (Path(__file__).parents[3] / "docs" / "templates.md").read_text()
    section = re.split(r"^## ", text, flags=re.MULTILINE)
    rows = next(s for s in section if s.startswith(f"{template.table}\n"))
    documented = re.findall(r"^\| (\w+) \| (yes)? ?\| (\w+)(, event)? \|", rows, flags=re.MULTILINE)
    expected: list[tuple[str, str, str, str]] = [
        (c.name, "yes" if c.is_required else "", c.kind, ", event" if c.is_event else "") for c in template.columns
    ]
    if template.table == "patient":
        expected.append(("birth_year", "", "year", ""))
    assert [row for row in documented if row[0] != "column"] == expected
    codes = dict(re.findall(r"^\| (\w+) \| ([^|]+) \|$", text.split("## Codes")[1], flags=re.MULTILINE))
    for column in template.columns:
        if column.vocabulary and column.kind in ("code", "flag"):
            assert codes[column.name] == ", ".join(column.vocabulary)


@settings(max_examples=150)
@given(data=st.data())
def test_damaged_bytes_give_records_or_a_file_error(data: st.DataObject) -> None:
    content = bytearray(
        b"patient_id,endpoint,outcome_time,is_event,category,report_time,marker,value\n"
        b"P1,OS,2024-03-28,yes,,2024-04-02,,\nP2,response,2024-03-28 10:00,,PR,,MGMT,7\n"
    )
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(0, len(content)))])
    for format_ in TEMPLATE_FORMATS:
        try:
            list(format_.read(RawFile("x.csv", damaged), TOULOUSE))
        except FileError as error:
            assert "P1" not in str(error)
