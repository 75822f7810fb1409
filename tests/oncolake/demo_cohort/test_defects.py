"""Each planted defect stands in its file as described, and its expectation adds up."""

import csv
import io
from pathlib import Path

import pytest

from oncolake.demo.cohort import Cohort
from oncolake.demo.defects import Defect

KINDS = {
    "implausible_value",
    "negative_concentration",
    "size_out_of_range",
    "position_zero",
    "unreadable_measure",
    "unknown_category",
    "missing_patient",
    "no_date",
    "ragged_row",
    "binary_named_csv",
    "empty_file",
    "missing_columns",
    "truncated_dicom",
    "unknown_text",
    "repeated_rows",
    "redelivered_bytes",
    "resaved_copy",
    "correction",
    "late_report",
    "orphan_sample",
    "late_specimens",
}


@pytest.fixture
def content(cohort: Cohort, landing: Path) -> dict[str, bytes]:
    return {d.kind: (landing / d.file).read_bytes() for d in cohort.defects}


def of_kind(cohort: Cohort, kind: str) -> Defect:
    return next(d for d in cohort.defects if d.kind == kind)


def test_every_kind_is_planted_and_no_file_holds_two(cohort: Cohort, landing: Path) -> None:
    assert {d.kind for d in cohort.defects} == KINDS
    assert len({d.file for d in cohort.defects}) == len(cohort.defects)
    for d in cohort.defects:
        assert (landing / d.file).is_file()
        assert d.file.split("/")[:3] == [d.delivery, d.site_id, d.source]


def test_expectations_add_up(cohort: Cohort) -> None:
    for d in cohort.defects:
        counted = (d.expected["quarantined"], d.expected["duplicates"])
        is_refused = d.expected["status"] == "rejected" or d.expected["quarantined"] != 0
        assert (d.expected["reason"] is not None) == is_refused
        assert d.expected["status"] == "ingested" or counted == (0, 0)


def test_monitor_shows_900_twice(content: dict[str, bytes]) -> None:
    rows = list(csv.DictReader(io.StringIO(content["implausible_value"].decode())))
    assert [r["signal"] for r in rows if r["value"] == "900"] == ["MAP", "MAP"]
    others = [float(r["value"]) for r in rows if r["signal"] == "MAP" and r["value"] != "900"]
    assert 38 <= min(others) <= max(others) <= 135


def test_nanosight_files_hold_what_cannot_be(content: dict[str, bytes]) -> None:
    def line(kind: str, label: str) -> list[str]:
        rows = csv.reader(io.StringIO(content[kind].decode("iso-8859-1")))
        return next(row for row in rows if row and row[0] == label)

    negative = [c for c in line("negative_concentration", "Concentration (Particles / ml)")[1:6] if float(c) < 0]
    assert negative == ["-320000000"]
    beyond = [c for c in line("size_out_of_range", "D50")[1:6] if c != "No Data" and float(c) > 5000]
    assert beyond == ["7200.0"]


def test_clinical_rows_are_wrong_where_they_say(content: dict[str, bytes]) -> None:
    def rows(kind: str, separator: str, encoding: str) -> list[list[str]]:
        return list(csv.reader(io.StringIO(content[kind].decode(encoding), newline=""), delimiter=separator))

    ragged = rows("ragged_row", ",", "utf-8-sig")
    assert [len(r) for r in ragged if len(r) != 9] == [11]
    assert [r[5] for r in rows("unknown_category", ",", "utf-8-sig") if r[5] == "NE"] == ["NE"]
    assert [r[0] for r in rows("missing_patient", ";", "cp1252") if not r[0]] == [""]
    assert [r[4] for r in rows("no_date", ",", "utf-8") if "-02-31" in r[4]] == ["2024-02-31 08:00:00"]
    repeated = [tuple(r) for r in rows("repeated_rows", ";", "cp1252")]
    assert len(repeated) - len(set(repeated)) == 2


def test_mutations_at_position_0_and_without_columns(content: dict[str, bytes]) -> None:
    maf = [line.split("\t") for line in content["position_zero"].decode().split("\n")[1:-1]]
    start = maf[0].index("Start_Position")
    assert [row[start] for row in maf[1:] if int(row[start]) < 1] == ["0"]
    assert content["missing_columns"].decode().split("\n")[0] == "Hugo_Symbol\tChromosome\tStart_Position"


def test_a_measure_is_no_number(content: dict[str, bytes]) -> None:
    rows = list(csv.reader(io.StringIO(content["unreadable_measure"].decode())))
    assert [cell for row in rows for cell in row if cell.startswith("#")] == ["#VALUE!"]
    assert {len(row) for row in rows} == {len(rows[0])}


def test_refused_files_are_what_they_claim(content: dict[str, bytes]) -> None:
    assert content["empty_file"] == b""
    assert b"\x00" in content["binary_named_csv"]
    assert content["truncated_dicom"][128:132] == b"DICM"
    assert content["truncated_dicom"].endswith(b"MRI ")
    assert b"\x00" not in content["unknown_text"]


def test_copies_are_copies(cohort: Cohort, landing: Path, content: dict[str, bytes]) -> None:
    first = [p.read_bytes() for p in (landing / "01-first/boston/exosome").iterdir()]
    assert first.count(content["redelivered_bytes"]) == 1
    original = (landing / "01-first/berlin/clinical/treatment.csv").read_bytes()
    resaved = content["resaved_copy"]
    assert resaved != original
    rows = list(csv.reader(io.StringIO(original.decode(), newline="")))
    assert list(csv.reader(io.StringIO(resaved.decode("utf-8-sig"), newline=""), delimiter=";")) == rows
    assert of_kind(cohort, "resaved_copy").expected["duplicates"] == len(rows) - 1


def test_orphan_and_late_specimens(cohort: Cohort, landing: Path, content: dict[str, bytes]) -> None:
    registered = b"".join(p.read_bytes() for p in landing.glob("*/*/clinical/specimen.csv"))
    (orphan,) = cohort.truth.orphan_samples
    assert orphan.encode() in content["orphan_sample"]
    assert orphan.encode() not in registered
    first = (landing / "01-first/berlin/clinical/specimen.csv").read_text()
    for sample in cohort.truth.late_specimens:
        assert f"\n{sample}," not in first
        assert f"\n{sample}," in content["late_specimens"].decode()


def test_late_reports_straddle_the_landmark(cohort: Cohort, landing: Path) -> None:
    late = cohort.truth.planted_late_report
    assert [(r.table, r.marker) for r in late] == [
        ("cytokine_result", "IL6"),
        ("biomarker", "PD-L1"),
        ("biomarker", "PD-L1"),
    ]
    for r in late:
        assert r.event_time < r.landmark_time < r.known_time
        assert f"{r.value:.0f}".encode() in (landing / r.file).read_bytes()
    il6 = late[0]
    assert il6.sample_id is not None
    holding = [p for p in landing.rglob("*/cytokine/*.csv") if f'"{il6.sample_id}"'.encode() in p.read_bytes()]
    assert holding == [landing / il6.file]
    assert late[1].visible_before is not None
    assert late[1].visible_before < 20 < late[1].value
    assert late[2].visible_before is None
