"""What is in a well by its name, and units as UCUM codes."""

import pytest

from infra.errors import FileError
from infra.settings import Site
from ingestion.sources.cytokine.names import column_and_unit, plate_unit, sample_type_of, ucum_unit, well_name


@pytest.mark.parametrize(
    ("sample_type", "names"),
    [
        ("standard", ["Standard1", "Standard 7", "STD3", "std-2"]),
        (
            "control",
            [
                "Control1",
                "Control 2",
                "QC1",
                "QC High",
                "Kit Control",
                "IPC",
                "IPC 3",
                "Plate Control",
                "CONTROL_SAMPLE_AS 1",
                "Sample Control",
                "Inter-plate Control 2",
            ],
        ),
        ("blank", ["Background0", "Background", "Blank", "blank 2", "Neg", "NEG 1", "Negative Control", "NC 1"]),
        (
            "unknown",
            [
                "Unknown1",
                "S1",
                "S-001",
                "A1",
                "P014-W6",
                "Donor14_1",
                "Control arm, patient 3",
                "",
                "qcdx7",
                "Standard of care 12",
                "Negrini",
            ],
        ),
    ],
)
def test_the_whole_name_says_what_is_in_the_well(sample_type: str, names: list[str]) -> None:
    assert {name: sample_type_of(name) for name in names} == dict.fromkeys(names, sample_type)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("pg/ml", "pg/mL"),
        ("pg/mL", "pg/mL"),
        ("PG/ML", "pg/mL"),
        ("ng/ml", "ng/mL"),
        ("µg/mL", "ug/mL"),  # micro sign
        ("μg/mL", "ug/mL"),  # Greek letter
        ("IU/mL", "[IU]/mL"),
        ("Bead", None),
        ("", None),
        (None, None),
        ("furlong", "furlong"),
    ],
)
def test_units_become_ucum_codes_and_unknown_ones_stay(given: str | None, expected: str | None) -> None:
    assert ucum_unit(given) == expected


def test_a_units_declaration_stands_in_for_what_an_export_does_not_state() -> None:
    site = Site(site_id="nice", concentration_units={"msd": "pg/ml"})
    assert plate_unit("ng/mL", site, "msd") == "ng/mL"
    assert plate_unit(None, site, "msd") == "pg/mL"
    for stated in (None, "", "Bead"):
        with pytest.raises(FileError, match=r"declare concentration_units\.bioplex for site nice in the settings file"):
            plate_unit(stated, site, "bioplex")


@pytest.mark.parametrize(
    ("text", "well"),
    [
        ("A1", "A1"), ("a01", "A1"), (" H12 ", "H12"), ("P24", "P24"), ("A00", None), ("A25", None), ("Q1", None),
        ("A001", None), ("1A", None), ("", None),
    ],
)  # fmt: skip
def test_wells_are_written_in_one_way(text: str, well: str | None) -> None:
    assert well_name(text) == well


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        ("Calc. Concentration", ("calc. concentration", None)),
        ("Calc. Concentration (pg/mL)", ("calc. concentration", "pg/mL")),
        ("Obs Conc [ng/ml]", ("obs conc", "ng/ml")),
        ("(Obs/Exp) * 100", ("(obs/exp) * 100", None)),
        ("IL-6 (19)", ("il-6 (19)", None)),
        (" FI ", ("fi", None)),
    ],
)
def test_a_columns_header_may_name_the_unit(header: str, parts: tuple[str, str | None]) -> None:
    assert column_and_unit(header) == parts


@pytest.mark.timeout(20)
def test_a_header_without_end_has_no_unit_and_is_no_reason_to_hang() -> None:
    assert column_and_unit("Concentration (pg/mL)") == ("concentration", "pg/mL")
    for letter in " (/":
        assert column_and_unit(f"conc{letter * 500_000}x") == (f"conc{letter * 500_000}x", None)
