"""The real xPONENT exports against the JSON that another parser made of them: every value in it is compared."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.settings import Site
from ingestion.format import Probe, RawFile
from ingestion.sources.cytokine.xponent import XPONENT

FILES = ["luminex_xPONENT_NaN_and_not_reported_values", "luminex_xPONENT_example02"]
TOP = "multi analyte profiling aggregate document"

# What the JSON holds beside the results: settings and identity of the instrument, ids made up by the other parser.
# The last key of a path; a key that is in neither list fails the test.
NOT_OURS = {
    "$asm.manifest",
    "device type",
    "detector gain setting",
    "sample volume setting",
    "custom information document",
    "minimum assay bead count threshold setting",
    "measurement identifier",
    "analyte identifier",
    "method version",
    "container type",
    "plate well count",
    "analyst",
    "calculated data identifier",
    "data system document",
    "device system document",
    "unit",
    "statistical feature",
    "has statistic datum role",
    "data source feature",
}
OURS = {
    "dilution factor setting",
    "measurement time",
    "sample identifier",
    "location identifier",
    "error",
    "error feature",
    "assay bead count",
    "analyte name",
    "assay bead identifier",
    "statistical value",
    "analytical method identifier",
    "experimental data identifier",
    "calculated data name",
    "calculated result",
    "data source identifier",
}


def leaf_keys(node: object, key: str = "") -> Iterator[str]:
    """The keys of all leaves; of {value, unit} and of parts that are not ours only the key above."""
    if isinstance(node, dict):
        if key in NOT_OURS or "value" in node:
            yield key
        else:
            for k, v in node.items():
                yield from leaf_keys(v, k)
    elif isinstance(node, list):
        for v in node:
            yield from leaf_keys(v, key)
    else:
        yield key


@pytest.mark.parametrize("name", FILES)
def test_every_kind_of_value_in_the_json_is_known_to_this_test(shared_data: Path, name: str) -> None:
    found = set(leaf_keys(json.loads((shared_data / f"cytokine/luminex_xponent/{name}.json").read_text())))
    assert found - OURS - NOT_OURS == set()


@pytest.mark.parametrize(("name", "n_wells", "n_analytes"), [(FILES[0], 96, 3), (FILES[1], 4, 2)])
def test_every_value_equals_the_json_beside_the_file(
    shared_data: Path, name: str, n_wells: int, n_analytes: int
) -> None:
    folder = shared_data / "cytokine/luminex_xponent"
    document = json.loads((folder / f"{name}.json").read_text())[TOP]
    file = RawFile.at(folder / f"{name}.csv")
    assert XPONENT.recognise(Probe.at(folder / f"{name}.csv"))
    rows = [row for batch in XPONENT.read(file, Site()) for row in batch.to_pylist()]
    assert len(rows) == n_wells * n_analytes
    assert {row["problem"] for row in rows} == {None}
    record = {(row["well"], row["analyte_as_given"]): row for row in rows}

    net = {
        item["data source aggregate document"]["data source document"][0]["data source identifier"]: item[
            "calculated result"
        ]["value"]
        for item in document["calculated data aggregate document"]["calculated data document"]
        if item["calculated data name"] == "Net MFI"
    }
    compared = 0
    for well in document["multi analyte profiling document"]:
        aggregate = well["measurement aggregate document"]
        (measurement,) = aggregate["measurement document"]
        (control,) = measurement["device control aggregate document"]["device control document"]
        sample = measurement["sample document"]
        errors = measurement.get("error aggregate document", {}).get("error document", [])
        messages = [" ".join(e["error"].split()) for e in errors if "error feature" not in e]
        unmeasured = {e["error feature"]: e["error"] for e in errors if "error feature" in e}
        stop = aggregate["custom information document"]["BatchStopTime"]
        for analyte in measurement["analyte aggregate document"]["analyte document"]:
            row = record[sample["location identifier"], analyte["analyte name"]]
            (statistics,) = analyte["statistics aggregate document"]["statistics document"]
            (dimension,) = statistics["statistic dimension aggregate document"]["statistic dimension document"]
            median = dimension["statistical value"]
            assert median["has statistic datum role"] == "median role"
            why_no_median = unmeasured.get(f"{analyte['analyte name']} <median role>")
            why_no_net = unmeasured.get(f"{analyte['analyte name']} <Net MFI>")
            expected = {
                "sample": sample["sample identifier"],
                "plate_id": aggregate["experimental data identifier"],
                "panel": aggregate["analytical method identifier"],
                "assay_id": analyte["assay bead identifier"],
                "bead_count": analyte["assay bead count"]["value"],
                "total_events": measurement["assay bead count"]["value"],
                "dilution_factor": control["dilution factor setting"]["value"],
                # The other parser writes -0.0 for what is no number and says in an error which of the two it is.
                "median_fluorescence": None if why_no_median else median["value"],
                "net_fluorescence": None if why_no_net else net[analyte["analyte identifier"]],
                "qc_flag": "empty_well" if why_no_median == "NaN" else "not_reported",
                "qc_message": "; ".join(messages) or None,
                "measured_time": datetime.strptime(stop, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC),
                "operator": "none",
                "value": None,
            }
            assert {key: row[key] for key in expected} == expected
            compared += 1
    assert compared == n_wells * n_analytes


def test_the_stop_of_the_batch_is_the_time_of_measurement(shared_data: Path) -> None:
    file = RawFile.at(shared_data / f"cytokine/luminex_xponent/{FILES[1]}.csv")
    (batch,) = XPONENT.read(file, Site(time_zone="America/New_York"))
    assert {t.isoformat() for t in batch["measured_time"].to_pylist()} == {"2023-05-17T23:06:59+00:00"}


def test_wells_without_liquid_are_empty_and_a_blank_cell_is_not(shared_data: Path) -> None:
    file = RawFile.at(shared_data / f"cytokine/luminex_xponent/{FILES[0]}.csv")
    (batch,) = XPONENT.read(file, Site())
    flags = batch["qc_flag"].to_pylist()
    assert (flags.count("empty_well"), flags.count("not_reported"), len(flags)) == (287, 1, 288)
    assert sum(m is not None and "unable to detect any liquid" in m for m in batch["qc_message"].to_pylist()) > 0
