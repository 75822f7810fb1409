"""The real MSD files against the JSON that another parser made of them: every value in it is compared."""

import json
import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.cytokine.methodical_mind import METHODICAL_MIND
from ingestion.sources.cytokine.msd_workbench import MSD_CSV, MSD_XLSX

SITE = Site(concentration_units={"msd": "pg/mL"})
WORKBENCH = [
    ("msd_workbench_test_1.csv", MSD_CSV, 4),
    ("msd_workbench_test_2.csv", MSD_CSV, 48),
    ("test_msd_workbench_xlsx.xlsx", MSD_XLSX, 24),
]
# What the JSON computes from replicates (and we do not read), and what it says of its own making.
MEANS = {"Mean", "Adj. Sig. Mean", "CV", "% Recovery Mean", "Calc. Concentration Mean", "Calc. Conc. CV"}
OF_THE_WELL = {"Adjusted Signal": "ecl_signal_adjusted", "Calc. Concentration": "value"}
NOT_READ = {"R-Squared", "% Recovery", *MEANS}


def document_of(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())["plate reader aggregate document"]
    return document


def rows_of(format_: Format, path: Path, site: Site) -> list[dict[str, Any]]:
    assert format_.recognise(Probe.at(path))
    return [row for batch in format_.read(RawFile.at(path), site) for row in batch.to_pylist()]


def given(number: float | None) -> float | None:
    """Theirs of a blank cell is now nothing, now NaN."""
    return None if number is None or math.isnan(number) else number


def unpadded(well: str) -> str:
    return f"{well[0]}{int(well[1:])}"


@pytest.mark.parametrize(("name", "format_", "n"), WORKBENCH)
def test_every_measurement_of_a_workbench_table(shared_data: Path, name: str, format_: Format, n: int) -> None:
    path = shared_data / "cytokine/msd" / name
    rows = rows_of(format_, path, SITE)
    assert len(rows) == n
    assert {row["problem"] for row in rows} == {None}
    record = {(row["well"], row["assay_id"]): row for row in rows}
    compared = 0
    by_id = {}
    for group in document_of(path)["plate reader document"]:
        for item in group["measurement aggregate document"]["measurement document"]:
            sample, custom = item["sample document"], item["custom information document"]
            row = record[unpadded(sample["well location identifier"]), sample["location identifier"]]
            by_id[item["measurement identifier"]] = row
            label, _, well = sample["sample identifier"].rpartition("_")
            dilution = sample.get("custom information document", {}).get("dilution factor setting")
            assert row["plate_id"].endswith(sample["well plate identifier"])  # theirs ends at the last '_'
            assert row["sample"] == (label if label[0] != "U" else f"{row['plate_id']}/{label}")
            assert unpadded(well) == row["well"]
            assert row["analyte_as_given"] == custom["assay identifier"]
            assert row["ecl_signal"] == item["luminescence"]["value"]
            assert row["expected_value"] == given(sample.get("mass concentration", {}).get("value"))
            assert row["dilution_factor"] == given(dilution)
            assert row["qc_message"] == custom.get("detection range")
            assert item["luminescence"]["unit"] == "RLU"
            # Theirs is the first letter of the name: SAMPLE_009 would be a standard without a concentration.
            if row["expected_value"] is not None or label[0] != "S":
                assert f"{row['sample_type']} sample role" == sample["sample role type"]
            compared += 1
    assert compared == n

    read = {"Adjusted Signal": 0, "Calc. Concentration": 0}
    calculated = document_of(path)["calculated data aggregate document"]["calculated data document"]
    assert {item["calculated data name"] for item in calculated} <= {*OF_THE_WELL, *NOT_READ}
    for item in calculated:
        if (column := OF_THE_WELL.get(item["calculated data name"])) is None:
            continue
        sources = item["data source aggregate document"]["data source document"]
        row = by_id.get(sources[0]["data source identifier"])
        assert row is not None
        assert len(sources) == 1
        value = given(item["calculated result"]["value"])
        assert row[column] == value
        read[item["calculated data name"]] += value is not None
    assert read == {"Adjusted Signal": n, "Calc. Concentration": sum(row["value"] is not None for row in rows)}
    assert read["Calc. Concentration"] > 0


def test_states_of_the_detection_range_in_the_real_file(shared_data: Path) -> None:
    rows = rows_of(MSD_CSV, shared_data / "cytokine/msd/msd_workbench_test_1.csv", SITE)
    assert [(r["well"], r["assay_id"], r["value"], r["operator"], r["qc_flag"]) for r in rows] == [
        ("A2", "2", 53.20256476, "*", "outside_detection_range"),
        ("A1", "2", 55.0941022, "*", "outside_fit_curve"),
        ("A2", "1", 498.3224409, "*", "outside_fit_curve"),
        ("A1", "1", None, ">", "outside_fit_curve"),
    ]


def test_a_real_table_without_a_declared_unit_is_refused(shared_data: Path) -> None:
    for name, format_, _ in WORKBENCH:
        with pytest.raises(FileError, match=r"declare concentration_units\.msd for site local"):
            list(format_.read(RawFile.at(shared_data / "cytokine/msd" / name), Site()))


def test_the_readers_sheet_of_the_workbook_dates_the_plate(shared_data: Path) -> None:
    rows = rows_of(MSD_XLSX, shared_data / "cytokine/msd/test_msd_workbench_xlsx.xlsx", SITE)
    assert {(row["measured_time"], row["reported_time"]) for row in rows} == {
        (datetime(2024, 1, 15, tzinfo=UTC), datetime(2024, 1, 16, tzinfo=UTC))
    }


def test_every_signal_of_a_methodical_mind_export(shared_data: Path) -> None:
    path = shared_data / "cytokine/msd/methodical_test_1.txt"
    rows = rows_of(METHODICAL_MIND, path, Site())
    record = {(row["plate_id"], row["well"], row["assay_id"]): row for row in rows}
    assert len(rows) == len(record) == 192
    compared = 0
    for group in document_of(path)["plate reader document"]:
        aggregate = group["measurement aggregate document"]
        for item in aggregate["measurement document"]:
            sample = item["sample document"]
            plate = sample["well plate identifier"].strip("*")  # start and stop marks of Code 39
            row = record[plate, sample["well location identifier"], sample["location identifier"]]
            assert row["ecl_signal"] == item["luminescence"]["value"]
            assert row["measured_time"] == datetime.fromisoformat(aggregate["measurement time"])
            assert (row["problem"], row["value"], row["unit"], row["operator"]) == (None, None, None, "none")
            compared += 1
    assert compared == 192
