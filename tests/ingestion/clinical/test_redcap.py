"""REDCap exports by their data dictionary: codes, dates, check boxes, repeats, groups; and what is refused."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile, recognise
from ingestion.sources.clinical import SOURCE
from ingestion.sources.clinical.redcap_csv import REDCAP_CSV
from ingestion.sources.clinical.redcap_dictionary import read_dictionary

HEADER = (
    '"Variable / Field Name","Form Name","Section Header","Field Type","Field Label",'
    '"Choices, Calculations, OR Slider Labels","Field Note","Text Validation Type OR Show Slider Number",'
    '"Text Validation Min","Text Validation Max",Identifier?,"Branching Logic (Show field only if...)",'
    '"Required Field?","Custom Alignment","Question Number (surveys only)","Matrix Group Name","Matrix Ranking?",'
    '"Field Annotation"\n'
)


def field(name: str, form: str, kind: str, choices: str = "", validation: str = "", identifier: str = "") -> str:
    return f'{name},{form},,{kind},"A label, of\ntwo lines","{choices}",,{validation},,,{identifier},,,,,,,\n'


DICTIONARY = (
    HEADER
    + field("record_id", "enrolment", "text")
    + field("study_number", "enrolment", "text", identifier="y")
    + field("last_name", "enrolment", "text", identifier="y")
    + field("gender", "enrolment", "radio", "1, Woman | 2, Man | 9, Prefers not to say")
    + field("dob", "enrolment", "text", validation="date_dmy", identifier="y")
    + field("consented", "enrolment", "text", validation="date_mdy")
    + field("tube", "sampling", "text")
    + field("drawn", "sampling", "text", validation="datetime_dmy")
    + field("matrix", "sampling", "dropdown", "-1, Serum, clotted | 2, EDTA plasma")
    + field("given", "treatment", "checkbox", "rt, Radiotherapy | 2, Immunotherapy | -1, Surgery")
    + field("given_from", "treatment", "text", validation="date_ymd")
    + field("dose_gy", "treatment", "text", validation="number_1dp_comma_decimal")
    + field("remarks", "treatment", "notes")
    + field("dead", "outcome", "yesno")
    + field("last_seen", "outcome", "text", validation="date_dmy")
)
EXPORT = (
    "record_id,redcap_event_name,redcap_repeat_instrument,redcap_repeat_instance,redcap_data_access_group,"
    "study_number,last_name,gender,dob,consented,tube,drawn,matrix,given___rt,given___2,given____1,given_from,"
    "dose_gy,remarks,dead,last_seen\n"
    "1,baseline_arm_1,,,toulouse,GBM-001,Durand,1,03-05-1960,02/13/2024,,,,0,0,0,,,,,\n"
    "1,week_4_arm_1,sampling,1,toulouse,,,,,,T1,28/03/2024 10:05,2,,,,,,,,\n"
    '1,week_4_arm_1,sampling,2,toulouse,,,,,,T2,2024-03-29 08:00,-1,,,,,,,,\n'
    '1,week_4_arm_1,treatment,1,toulouse,,,,,,,,,1,1,0,2024-03-20,"1,234","fell, then\nrested",,\n'
    "1,follow_up_arm_1,,,toulouse,,,,,,,,,0,0,0,,,,0,04/05/2025\n"
    "2,baseline_arm_1,,,lyon,GBM-002,Martin,2,,,,,,0,0,0,,,,,\n"
)  # fmt: skip
TABLES = {
    "people": {"format": "patient_csv", "redcap": "gbm",
               "columns": {"patient_id": "study_number", "sex": "gender", "birth_date": "dob",
                           "enrolled_time": "consented"},
               "words": {"sex": {"Woman": "female", "2": "male"}}},
    "tubes": {"format": "specimen_csv", "redcap": "gbm",
              "columns": {"patient_id": "study_number", "sample_id": "tube", "collected_time": "drawn",
                          "specimen_type": "matrix", "timepoint": "redcap_event_name"},
              "words": {"timepoint": {"week_4_arm_1": "week 4"}, "specimen_type": {"Serum, clotted": "serum"}}},
    "given": {"format": "treatment_csv", "redcap": "gbm", "fixed": {"unit": "Gy"},
              "columns": {"patient_id": "study_number", "kind": "given", "start_time": "given_from",
                          "dose": "dose_gy"}},
    "survival": {"format": "outcome_csv", "redcap": "gbm", "fixed": {"endpoint": "OS"},
                 "columns": {"patient_id": "study_number", "is_event": "dead", "outcome_time": "last_seen"}},
}  # fmt: skip


@pytest.fixture
def dictionary(tmp_path: Path) -> Path:
    path = tmp_path / "dictionary.csv"
    path.write_text(DICTIONARY)
    return path


def site(dictionary: Path, tables: object = TABLES, group: str | None = "toulouse", **more: object) -> Site:
    declared = {"redcap": {"gbm": {"dictionary": str(dictionary), "group": group}}, "tables": tables, **more}
    return Site.model_validate({"site_id": "toulouse", **declared})


def read(text: str, declared: Site) -> list[dict[str, object]]:
    """Records without their null columns."""
    format_ = recognise(SOURCE.formats, Probe.of("export.csv", text.encode()), declared)
    assert format_ is REDCAP_CSV
    records = [r for b in format_.read(RawFile("x.csv", text.encode()), declared) for r in b.to_pylist()]
    hidden = ("observed_known_time", "reported_known_time")
    return [{k: v for k, v in r.items() if v is not None and k not in hidden} for r in records]


def test_an_export_becomes_the_clinical_tables(dictionary: Path) -> None:
    # Six parts: three tables, and one for each of the three choices of the check box.
    assert read(EXPORT, site(dictionary)) == [
        {"file_row": 0, "table": "patient", "patient_id": "GBM-001", "sex": "female", "birth_year": 1960,
         "enrolled_time": datetime(2024, 2, 13, tzinfo=UTC)},
        {"file_row": 7, "table": "specimen", "patient_id": "GBM-001", "sample_id": "T1", "timepoint": "week 4",
         "specimen_type": "plasma", "collected_time": datetime(2024, 3, 28, 10, 5, tzinfo=UTC)},
        {"file_row": 13, "table": "specimen", "patient_id": "GBM-001", "sample_id": "T2", "timepoint": "week 4",
         "specimen_type": "serum", "collected_time": datetime(2024, 3, 29, 8, tzinfo=UTC)},
        {"file_row": 20, "table": "treatment", "patient_id": "GBM-001", "kind": "radiotherapy_fraction",
         "start_time": datetime(2024, 3, 20, tzinfo=UTC), "dose": "1.234", "unit": "Gy"},
        {"file_row": 21, "table": "treatment", "patient_id": "GBM-001", "kind": "immunotherapy",
         "start_time": datetime(2024, 3, 20, tzinfo=UTC), "dose": "1.234", "unit": "Gy"},
        {"file_row": 29, "table": "outcome", "patient_id": "GBM-001", "endpoint": "OS", "is_event": False,
         "outcome_time": datetime(2025, 5, 4, tzinfo=UTC)},
    ]  # fmt: skip


def test_nothing_but_what_is_declared_is_read(dictionary: Path) -> None:
    text = str(read(EXPORT, site(dictionary)))
    assert not [word for word in ("Durand", "Martin", "GBM-002", "fell", "03-05", "05-03") if word in text]


def test_labels_in_place_of_codes_are_read_too(dictionary: Path) -> None:
    labelled = EXPORT.replace(",Durand,1,", ",Durand,Woman,").replace("10:05,2,", "10:05,EDTA plasma,")
    labelled = labelled.replace(",1,1,0,2024", ",Checked,Checked,Unchecked,2024").replace(",0,04/05", ",No,04/05")
    assert read(labelled, site(dictionary)) == read(EXPORT, site(dictionary))


def test_a_single_choice_may_be_a_flag(dictionary: Path) -> None:
    tables = {
        "operated": {
            "format": "outcome_csv",
            "redcap": "gbm",
            "columns": {"patient_id": "record_id", "is_event": "given___2", "outcome_time": "given_from"},
            "fixed": {"endpoint": "other"},
        }
    }
    records = read(EXPORT, site(dictionary, tables))
    assert [(r["patient_id"], r["is_event"]) for r in records] == [("1", True)]


def test_what_is_not_clear_is_a_problem_of_its_record(dictionary: Path) -> None:
    text = (
        EXPORT.replace(",Durand,1,", ",Durand,7,")
        .replace("1,week_4_arm_1,sampling,1,toulouse,,", "1,week_4_arm_1,sampling,1,toulouse,GBM-009,")
        .replace("follow_up_arm_1,,,toulouse", "follow_up_arm_1,,,")
    )
    people, first, *_, survival = read(text, site(dictionary))
    (unknown,) = read(EXPORT.replace(",Durand,1,", ",Durand,7,"), site(dictionary, changed(sex="gender")))
    assert unknown["problem"] == "sex holds a code that is none of the data dictionary's choices"
    assert people["problem"] == (
        "patient_id differs between rows of its record; sex holds a code that is none of the data dictionary's choices"
    )
    assert first["problem"] == "patient_id differs between rows of its record"
    assert survival["problem"] == (
        "the record belongs to no data access group; patient_id differs between rows of its record"
    )
    assert "7" not in people.values()


@pytest.mark.parametrize(
    ("group", "said"),
    [(None, "records of 2 data access groups; declare `group`"), ("paris", "no record of the data access group")],
)
def test_the_groups_of_others_are_not_guessed_at(dictionary: Path, group: str | None, said: str) -> None:
    with pytest.raises(FileError, match=said):
        read(EXPORT, site(dictionary, group=group))


def changed(**columns: str) -> dict[str, object]:
    """The table of people with other columns."""
    return {"people": TABLES["people"] | {"columns": {"patient_id": "study_number"} | columns, "words": {}}}


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        (changed(sex="last_name"), "marks as an identifier, into sex"),
        (changed(sex="remarks"), "of type notes; free text is not read"),
        (changed(), "names no field but the patient's identifier"),
        (
            {"given": TABLES["given"] | {"columns": {"patient_id": "study_number", "kind": "given", "agent": "given"}}},
            "2 check-box fields as columns",
        ),
    ],
)
def test_declarations_that_do_not_fit_the_dictionary(dictionary: Path, tables: object, said: str) -> None:
    with pytest.raises(FileError, match=said):
        read(EXPORT, site(dictionary, tables))


def test_a_field_that_only_the_export_has_is_refused(dictionary: Path) -> None:
    text = EXPORT.replace("gender", "sexe")
    with pytest.raises(FileError, match="names the field sexe, which the data dictionary lacks; expected one of"):
        read(text, site(dictionary, changed(sex="sexe")))


def test_other_files_are_not_taken_for_an_export(dictionary: Path, tmp_path: Path) -> None:
    declared = site(dictionary)
    for text in ("patient_id,sex\nP1,F\n", "record_id,tube\n1,T1\n", "", "\x00\x01"):
        assert not REDCAP_CSV.declared(Probe.of("x.csv", text.encode()), declared)
    assert not REDCAP_CSV.declared(Probe.of("x.csv", EXPORT.encode()), Site(site_id="toulouse"))
    with pytest.raises(FileError, match="no REDCap project that site toulouse declares"):
        list(REDCAP_CSV.read(RawFile("x.csv", b"a,b\n1,2\n"), declared))
    # A header that is longer than the head of a probe.
    long = tmp_path / "long.csv"
    long.write_text(",".join(f"field_{i}" for i in range(10_000)) + "," + EXPORT.split("\n", maxsplit=1)[0] + "\n")
    assert REDCAP_CSV.declared(Probe.at(long), declared)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, r"cannot be read \(No such file or directory\)"),
        ("a,b\n1,2\n", "lacks its columns Variable / Field Name, Field Type, Choices"),
        (HEADER, "has no field"),
        ("", "no header line"),
    ],
)
def test_a_dictionary_that_is_none(tmp_path: Path, content: str | None, said: str) -> None:
    path = tmp_path / "d.csv"
    if content is not None:
        path.write_text(content)
    with pytest.raises(FileError, match=said):
        read_dictionary(path)


def test_the_dictionary_of_the_api_is_the_same(tmp_path: Path, dictionary: Path) -> None:
    names = (
        "field_name,form_name,section_header,field_type,field_label,select_choices_or_calculations,field_note,"
        "text_validation_type_or_show_slider_number,text_validation_min,text_validation_max,identifier,branching_logic,"
        "required_field,custom_alignment,question_number,matrix_group_name,matrix_ranking,field_annotation\n"
    )
    path = tmp_path / "metadata.csv"
    path.write_text(names + DICTIONARY.removeprefix(HEADER))
    assert read_dictionary(path) == read_dictionary(dictionary)
    assert read_dictionary(path).fields["matrix"].choices == {"-1": "Serum, clotted", "2": "EDTA plasma"}


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_give_records_or_a_file_error(dictionary: Path, data: st.DataObject) -> None:
    content = bytearray(EXPORT.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(0, len(content)))])
    declared = site(dictionary)
    try:
        REDCAP_CSV.declared(Probe.of("x.csv", damaged), declared)
        list(REDCAP_CSV.read(RawFile("x.csv", damaged), declared))
    except FileError as error:
        assert "GBM-00" not in str(error) and "Durand" not in str(error)
