"""What is in a well by its name, and units as UCUM codes."""

import pytest

from ingestion.sources.cytokine.names import sample_type_of, ucum_unit


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
