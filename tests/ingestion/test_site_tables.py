"""A hospital's own tables: other names, words, dates, numbers and units, to the columns that readers know."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.current import current_arrow
from infra.errors import FileError, UsageError
from infra.lake import Lake
from infra.settings import Settings, Site
from ingestion.discovery import Delivery, discover
from ingestion.format import Probe, RawFile, recognise
from ingestion.pipeline import ingest
from ingestion.registry import SOURCES
from ingestion.site_tables import check_tables, worded

TABLES = {
    "patients": {
        "format": "patient_csv",
        "columns": {"patient_id": "NIP", "sex": "sexe", "birth_date": "né(e) le"},
        "words": {"sex": {"MME": "female", "M.": "male", "?": ""}},
    },
    "deces": {
        "format": "outcome_csv",
        "columns": {"patient_id": "NIP", "is_event": "décédé", "outcome_time": "dernières nouvelles"},
        "fixed": {"endpoint": "OS"},
        "needs": ["outcome_time"],
    },
    "mgmt": {
        "format": "biomarker_csv",
        "columns": {"patient_id": "NIP", "value": "MGMT %", "measured_time": "date biopsie"},
        "fixed": {"marker": "MGMT", "unit": "%", "method": "pyrosequencing"},
        "needs": ["value"],
    },
    "scope": {
        "format": "vitals_wide_csv",
        "columns": {"case_id": "séjour", "time": "heure", "MAP": "PA moy (kPa)", "TEMP": "T°"},
        "units": {"MAP": "kPa"},
    },
    "alarmes": {
        "format": "vitals_long_csv",
        "columns": {"case_id": "séjour", "time": "heure", "signal": "paramètre", "value": "valeur"},
        "words": {"signal": {"Fréq.": "HR"}},
        "day_first": False,
    },
}
SITE = Site.model_validate({"site_id": "toulouse", "time_zone": "Europe/Paris", "day_first": True, "tables": TABLES})
EXPORT = (
    "NIP;Nom;sexe;né(e) le;décédé;dernières nouvelles;MGMT %;date biopsie\r\n"
    "P1;Durand;Mme;03.05.1960;oui;04/05/2025;7,125;01/02/2024\r\n"
    "P2;Martin;m.;1955;;;12,5;01/02/2024\r\n"
    "P3;Petit;?;;non;05/05/2025;-;\r\n"
)


def read(source: str, text: str, site: Site = SITE) -> list[dict[str, Any]]:
    """Records of a file in Windows-1252, without their null columns."""
    content = text.encode("cp1252")
    format_ = recognise(SOURCES[source].formats, Probe.of("x.csv", content), site)
    assert format_ is not None
    records = [r for b in format_.read(RawFile("x.csv", content), site) for r in b.to_pylist()]
    hidden = ("observed_known_time", "reported_known_time")
    return [{k: v for k, v in r.items() if v is not None and k not in hidden} for r in records]


def test_one_export_holds_several_tables() -> None:
    biopsy, problem = datetime(2024, 1, 31, 23, tzinfo=UTC), "category is none of"
    records = read("clinical", EXPORT)
    assert records == [
        {"file_row": 0, "table": "patient", "patient_id": "P1", "sex": "female", "birth_year": 1960},
        {"file_row": 3, "table": "patient", "patient_id": "P2", "sex": "male", "birth_year": 1955},
        {"file_row": 6, "table": "patient", "patient_id": "P3"},
        {"file_row": 1, "table": "outcome", "patient_id": "P1", "endpoint": "OS", "is_event": True,
         "outcome_time": datetime(2025, 5, 3, 22, tzinfo=UTC)},
        {"file_row": 7, "table": "outcome", "patient_id": "P3", "endpoint": "OS", "is_event": False,
         "outcome_time": datetime(2025, 5, 4, 22, tzinfo=UTC)},
        # 12,5 proves that 7,125 is no number of thousands
        {"file_row": 2, "table": "biomarker", "patient_id": "P1", "marker": "MGMT", "value": "7.125", "unit": "%",
         "method": "pyrosequencing", "measured_time": biopsy},
        {"file_row": 5, "table": "biomarker", "patient_id": "P2", "marker": "MGMT", "value": "12,5", "unit": "%",
         "method": "pyrosequencing", "measured_time": biopsy},
    ]  # fmt: skip
    assert not any(name in str(records) for name in ("Durand", "Martin", "Petit")) and problem not in str(records)


def test_without_the_declaration_the_file_is_known_to_nobody() -> None:
    probe = Probe.of("x.csv", EXPORT.encode())
    assert recognise(SOURCES["clinical"].formats, probe, Site(site_id="toulouse")) is None
    assert recognise(SOURCES["clinical"].formats, probe) is None
    declared = next(f for f in SOURCES["clinical"].formats if f.name == "clinical_declared_csv")
    with pytest.raises(FileError, match="no clinical table that site lyon declares"):
        list(declared.read(RawFile("x.csv", EXPORT.encode()), Site(site_id="lyon")))


def test_numbers_that_can_be_read_two_ways_wait_for_the_site() -> None:
    text = "NIP;MGMT %;date biopsie\nP1;7,125;01/02/2024\n"
    with pytest.raises(FileError, match="declare decimal_mark for site toulouse"):
        read("clinical", text)
    mgmt = TABLES["mgmt"] | {"decimal_mark": ","}
    (record,) = read("clinical", text, Site.model_validate({"day_first": True, "tables": {"mgmt": mgmt}}))
    assert record["value"] == "7.125"


def test_wide_vital_signs_with_a_unit_of_their_own() -> None:
    records = read("vitals", "séjour;heure;PA moy (kPa);T°;note\nC1;28/03/2024 10:00;12,0;36,6;agité\n")
    assert [(r["signal"], round(r["value"], 3), r["unit"]) for r in records] == [
        ("MAP", 90.008, "mm[Hg]"),
        ("TEMP", 36.6, "Cel"),
    ]
    assert {r["event_time"] for r in records} == {datetime(2024, 3, 28, 9, tzinfo=UTC)}
    wrong = TABLES["scope"] | {"units": {"MAP": "mol"}}
    with pytest.raises(FileError, match=r"The unit mol that the site declares for MAP is none of mm\[Hg\]'s kind"):
        read(
            "vitals",
            "séjour;heure;PA moy (kPa);T°\nC1;2024-03-28 10:00;12;36\n",
            Site.model_validate({"tables": {"x": wrong}}),
        )


def test_long_vital_signs_with_an_order_of_dates_of_their_own() -> None:
    (record,) = read("vitals", "séjour;heure;paramètre;valeur\nC1;03/04/2024 10:00;fréq.;70\n")
    assert (record["signal"], record["value"]) == ("HR", 70.0)
    assert record["event_time"] == datetime(2024, 3, 4, 9, tzinfo=UTC)


def test_templates_stay_templates_at_a_site_with_tables() -> None:
    (record,) = read("clinical", "patient_id,sex,birth_year\nP1,F,1960\n")
    assert "table" not in record
    assert len(read("vitals", "case_id,time,HR\nC1,2024-03-28T10:00:00Z,70\n")) == 1


def test_discovery_knows_what_a_site_declares(tmp_path: Path) -> None:
    (tmp_path / "export.csv").write_text(EXPORT, "cp1252")
    (found,) = discover(SOURCES["clinical"], [Delivery(tmp_path, "toulouse", SITE)])
    assert found.format is not None and found.format.name == "clinical_declared_csv"
    (unknown,) = discover(SOURCES["clinical"], [Delivery(tmp_path, "lyon")])
    assert unknown.format is None and "a table that the site declares" in (unknown.reason or "")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"format": "patient_cvs"}, r"becomes patient_cvs, which is no format; did you mean patient_csv\?$"),
        ({"columns": {"patient_id": "NIP", "sexe": "x"}}, r"names sexe, which is no column of patient_csv; .*sex\?$"),
        ({"fixed": {"birthyear": "1"}}, r"names birthyear, .*did you mean birth_year\?$"),
        (
            {"format": "specimen_csv", "columns": {"patient_id": "NIP"}},
            "lacks sample_id, collected_time, which specimen",
        ),
        (
            {"columns": {"patient_id": "NIP", "sex": "s"}, "units": {"sex": "kPa"}},
            "units means nothing for patient_csv",
        ),
    ],
)
def test_a_table_that_cannot_be_right_is_refused_before_any_file(
    tmp_path: Path, table: dict[str, Any], said: str
) -> None:
    declared = {"format": "patient_csv", "columns": {"patient_id": "NIP"}} | table
    site = Site.model_validate({"site_id": "toulouse", "tables": {"t": declared}})
    with pytest.raises(UsageError, match=rf"^The setting sites\.toulouse\.tables\.t.*{said}"):
        discover(SOURCES["clinical"], [Delivery(tmp_path, "toulouse", site)])


def test_delays_of_sources_that_do_not_exist_are_refused() -> None:
    with pytest.raises(UsageError, match=r"reporting_delay_days\.cytokin is no source; did you mean cytokine\?$"):
        check_tables(Site.model_validate({"reporting_delay_days": {"cytokin": 3}}))


@settings(max_examples=150)
@given(data=st.data())
def test_damaged_bytes_give_records_or_a_file_error(data: st.DataObject) -> None:
    content = bytearray(EXPORT.encode("cp1252"))
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(0, len(content)))])
    format_ = recognise(SOURCES["clinical"].formats, Probe.of("x.csv", damaged), SITE)
    try:
        batches = [] if format_ is None else list(format_.read(RawFile("x.csv", damaged), SITE))
    except FileError as error:
        assert "Durand" not in str(error)
    else:
        numbers = [n for batch in batches for n in batch.column("file_row").to_pylist()]
        assert len(numbers) == len(set(numbers))


@pytest.mark.slow
def test_a_declared_export_fills_its_tables_once(spark: object, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    landing.mkdir()
    (landing / "export.csv").write_text(EXPORT, "cp1252")
    lake, declared = Lake.at(tmp_path / "lake"), Settings(pseudonym_key="5a" * 32, sites={"toulouse": SITE})
    delivery = Delivery(landing, "toulouse", declared.site("toulouse"))
    report = ingest("clinical", [delivery], lake, declared, lambda: spark)  # type: ignore[arg-type, return-value]
    (file,) = report.files
    assert (file.format, file.rows_in, file.accepted, file.quarantined) == ("clinical_declared_csv", 7, 7, 0)
    assert {name: t.rows_added for name, t in report.tables.items()} == {"patient": 3, "outcome": 2, "biomarker": 2}
    assert sorted(current_arrow(lake, "biomarker")["value"].to_pylist()) == [7.125, 12.5]
    again = ingest("clinical", [delivery], lake, declared, lambda: spark)  # type: ignore[arg-type, return-value]
    assert [f.status for f in again.files] == ["unchanged"]


@given(st.lists(st.none() | st.text()))
def test_words_that_are_not_declared_stay(words: list[str | None]) -> None:
    values = pa.array(words, pa.string())
    assert worded(values, {}).equals(values)
    others = [w for w in words if w is None or w.strip().casefold() != "oui"]
    trimmed = [None if w is None else pc.utf8_trim_whitespace(pa.scalar(w)).as_py() or None for w in others]
    assert worded(pa.array(others, pa.string()), {"oui": "yes"}).to_pylist() == trimmed
