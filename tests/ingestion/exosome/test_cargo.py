"""Cargo tables: value, operator and limit kept, French tables read, what can be read two ways refused."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile, recognise
from ingestion.sources.exosome import SOURCE
from ingestion.sources.exosome.cargo import CARGO

SITE = Site(site_id="nice", day_first=True, time_zone="Europe/Paris")


def read(content: str, site: Site = SITE, encoding: str = "cp1252") -> list[dict[str, object]]:
    """Records without their null columns and numbers."""
    data = content.encode(encoding)
    assert recognise(SOURCE.formats, Probe.of("cargo.csv", data)) is CARGO
    records = [r for batch in CARGO.read(RawFile("cargo.csv", data), site) for r in batch.to_pylist()]
    return [{k: v for k, v in r.items() if v is not None and k != "file_row"} for r in records]


@pytest.mark.parametrize(
    ("cell", "value", "operator", "limits", "flag"),
    [
        ("12.5", 12.5, "=", (None, None), "pass"),
        ("0", 0.0, "=", (None, None), "pass"),
        ("< 0.5", None, "<", (0.5, None), "pass"),
        (">1000", None, ">", (None, 1000.0), "pass"),
        ("*12.3", 12.3, "*", (None, None), "extrapolated"),
        ("OOR <", None, "<", (None, None), "out_of_range"),
        ("Undetermined", None, "none", (None, None), "not_detected"),
        ("N/A", None, "none", (None, None), "not_applicable"),
        ("", None, "none", (None, None), "not_reported"),
    ],
)
def test_a_value_is_read_with_its_operator(
    cell: str, value: float | None, operator: str, limits: tuple[float | None, float | None], flag: str
) -> None:
    [record] = read(f"sample,marker,value,unit,method\nS1,CD9,{cell},pg/mL,ELISA\n")
    assert "problem" not in record
    assert (record.get("value"), record["operator"], record["qc_flag"]) == (value, operator, flag)
    assert (record.get("lloq"), record.get("uloq"), record.get("reported")) == (*limits, cell or None)


def test_a_french_table() -> None:
    assert read(
        "Échantillon;Marqueur;Valeur;Unité;Méthode;Plaque;Réplicat;LOD;Date de mesure;Date de rendu;Commentaire\n"
        "S1;CD-9;1,234;pg/ml;ELISA;A;1;0,5;03/04/2024 10:00;05/04/2024;CANARY\n"
        "S1;Alix;<0,5;%;MACSPlex;;;;03/04/2024;;CANARY\n"
    ) == [
        {"sample_id": "S1", "plate_id": "A", "marker": "CD9", "replicate": "1", "method": "ELISA", "unit": "pg/mL",
         "reported": "1,234", "value": 1.234, "operator": "=", "lloq": 0.5, "qc_flag": "pass",
         "measured_time": datetime(2024, 4, 3, 8, tzinfo=UTC),
         "measured_known_time": datetime(2024, 4, 3, 8, tzinfo=UTC),
         # a report without a time of day is known by the day's end
         "reported_known_time": datetime(2024, 4, 5, 22, tzinfo=UTC)},
        {"sample_id": "S1", "marker": "PDCD6IP", "method": "MACSPlex", "unit": "%", "reported": "<0,5",
         "operator": "<", "lloq": 0.5, "qc_flag": "pass", "measured_time": datetime(2024, 4, 2, 22, tzinfo=UTC),
         "measured_known_time": datetime(2024, 4, 3, 22, tzinfo=UTC)},
    ]  # fmt: skip


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_comma_that_may_group_thousands_is_refused(separator: str) -> None:
    def table(*values: str) -> str:
        quote = '"' if separator == "," else ""
        rows = [("sample", "marker", "value"), *(("S1", f"M{i}", f"{quote}{v}{quote}") for i, v in enumerate(values))]
        return "\n".join(separator.join(row) for row in rows)

    with pytest.raises(FileError, match="two ways"):
        read(table("1,234", "12,345"))
    # another value proves the decimal comma
    assert [r["value"] for r in read(table("1,234", "1,5"))] == [1.234, 1.5]


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("S1,CD9,ND,pg/mL,ELISA", "the reported value is neither a number"),  # not detected, or not determined
        ("S1,CD9,high,pg/mL,ELISA", "the reported value is neither a number"),
        ("S1,CD9,1,pg/mL", "the row has 4 cells where the header has 5"),
        (f"S1,{'long ' * 20},1,pg/mL,ELISA", "marker is no short label"),
    ],
)
def test_a_bad_row_says_so_and_spoils_no_other(row: str, problem: str) -> None:
    bad, good = read(f"sample,marker,value,unit,method\n{row}\nS2,CD63,1,pg/mL,ELISA\n")
    assert str(bad["problem"]).startswith(problem)
    assert "problem" not in good
    assert "high" not in repr(bad) and "long" not in repr({k: v for k, v in bad.items() if k != "problem"})


def test_dates_that_can_be_read_two_ways_are_refused() -> None:
    with pytest.raises(FileError, match="day or month first"):
        read("sample,marker,value,plate_date\nS1,CD9,1,03/04/2024\n", Site(site_id="new"))


@pytest.mark.parametrize(
    ("unit", "ucum"),
    [("MFI", "{MFI}"), ("copies/µL", "{copies}/uL"), ("particles/mL", "{particles}/mL"), ("odd/unit", "odd/unit")],
)
def test_units(unit: str, ucum: str) -> None:
    [record] = read(f"sample,target,result,units\nS1,hsa-miR-21-5p,1,{unit}\n", encoding="utf-8")
    assert (record["unit"], record["marker"]) == (ucum, "hsa-miR-21-5p")


@pytest.mark.parametrize("text", ["", "sample,marker\n", "patient_id,marker,value\n", "a,b,c\n"])
def test_other_tables_are_no_cargo(text: str) -> None:
    assert recognise(SOURCE.formats, Probe.of("x.csv", text.encode())) is None


@settings(max_examples=150)
@given(data=st.data())
def test_damaged_bytes_give_records_or_a_file_error(data: st.DataObject) -> None:
    text = "sample;marker;value;unit;method;plate date\n" + "S1;CD9;1,5;pg/mL;ELISA;28/03/2024\n" * 4
    content = bytearray(text.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(content[: data.draw(st.integers(0, len(content)))])
    CARGO.recognise(Probe.of("x.csv", damaged))
    try:
        records = [r for b in CARGO.read(RawFile("x.csv", damaged), SITE) for r in b.to_pylist()]
    except FileError:
        return
    assert [r["file_row"] for r in records] == list(range(len(records)))
