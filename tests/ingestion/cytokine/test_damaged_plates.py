"""Damaged files of MSD, INTELLIFLEX and Bio-Plex: records or a FileError, never anything else, and no value in it."""

import io
import random
import zipfile
from collections.abc import Callable

import pytest

from infra.checks import OneOf
from infra.errors import FileError
from infra.settings import Site
from infra.table import Column
from infra.tables.cytokine import cytokine_result
from ingestion.format import Format, Probe, RawFile, recognise
from ingestion.sources.cytokine import SOURCE
from ingestion.sources.cytokine.bioplex_report import BIOPLEX_TEXT, BIOPLEX_XLSX
from ingestion.sources.cytokine.bioplex_xml import BIOPLEX_XML
from ingestion.sources.cytokine.intelliflex import INTELLIFLEX
from ingestion.sources.cytokine.methodical_mind import METHODICAL_MIND
from ingestion.sources.cytokine.msd_workbench import MSD_CSV, MSD_XLSX
from tests.ingestion.cytokine.plates import (
    SIGNATURE,
    bioplex_sample,
    bioplex_well,
    bioplex_xml,
    intelliflex_lines,
    joined,
    methodical,
    report_lines,
    wide_report_lines,
    workbench_lines,
)
from tests.ingestion.cytokine.workbooks import sheets_of

SITE = Site(day_first=False, concentration_units={"msd": "pg/mL", "bioplex": "pg/mL"})
WHOLE: list[tuple[Format, bytes]] = [
    (MSD_CSV, joined(workbench_lines()).encode()),
    (MSD_XLSX, sheets_of({"Workbench data": workbench_lines()})),
    (METHODICAL_MIND, methodical(spots=3, assays="IL-6,TNF-α,IL-10").encode()),
    (INTELLIFLEX, (joined(intelliflex_lines()) + SIGNATURE).encode()),
    (BIOPLEX_XML, bioplex_xml(bioplex_sample("Unknown", "X1", bioplex_well(3, 3) + bioplex_well(4, 3))).encode()),
    (BIOPLEX_TEXT, joined(report_lines(), "\t").encode()),
    (BIOPLEX_XLSX, sheets_of({"Test": wide_report_lines()})),
]
N = 60


def cut(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content))]


def flip(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randint(1, 20)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed)


def shuffle(content: bytes, rng: random.Random) -> bytes:
    lines = content.split(b"\n")
    rng.shuffle(lines)
    return b"\n".join(lines)


def drop(content: bytes, rng: random.Random) -> bytes:
    separator = b"\t" if content.count(b"\t") > content.count(b",") else b","
    column = rng.randrange(12)
    lines = [line.split(separator) for line in content.split(b"\n")]
    return b"\n".join(separator.join(c for i, c in enumerate(line) if i != column) for line in lines)


def double(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content))
    return content[:at] + content[rng.randrange(len(content)) :]


def repack(content: bytes, rng: random.Random) -> bytes:
    """A workbook with one of its parts damaged and its checksums right."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as whole, zipfile.ZipFile(stream, "w") as archive:
        victim = rng.choice(whole.namelist())
        for name in whole.namelist():
            part = whole.read(name)
            archive.writestr(name, rng.choice([cut, flip, double])(part, rng) if name == victim and part else part)
    return stream.getvalue()


def recode(content: bytes, rng: random.Random) -> bytes:
    return content.decode("utf-8", errors="replace").encode(rng.choice(["utf-16", "cp1252", "utf-8-sig"]), "replace")


@pytest.mark.parametrize("damage", [cut, flip, shuffle, drop, double, recode])
@pytest.mark.parametrize(("format_", "content"), WHOLE, ids=[format_.name for format_, _ in WHOLE])
def test_damaged_bytes_are_records_or_a_file_error(
    format_: Format, content: bytes, damage: Callable[[bytes, random.Random], bytes]
) -> None:
    if damage is cut and content.startswith(b"PK"):
        damage = repack  # an archive that is cut is refused for its checksums alone
    rng = random.Random(f"{format_.name} {damage.__name__}")
    for _ in range(N):
        damaged = damage(content, rng)
        recognise(SOURCE.formats, Probe.of("any", damaged))
        try:
            batches = list(format_.read(RawFile("any", damaged), SITE))
        except FileError:
            continue
        for batch in batches:
            assert batch.schema == format_.raw.arrow
            for row in batch.to_pylist():
                assert row["problem"] or (row["operator"] and row["plate_id"] and row["analyte"])


@pytest.mark.parametrize(("format_", "content"), WHOLE, ids=[format_.name for format_, _ in WHOLE])
def test_the_whole_file_has_no_problem(format_: Format, content: bytes) -> None:
    rows = [row for batch in format_.read(RawFile("any", content), SITE) for row in batch.to_pylist()]
    assert rows
    assert {row["problem"] for row in rows} == {None}


@pytest.mark.parametrize("column", [c for c in cytokine_result.columns if any(isinstance(k, OneOf) for k in c.checks)])
def test_every_code_of_the_readers_is_declared(column: Column) -> None:
    declared = {value for check in column.checks if isinstance(check, OneOf) for value in check.values}
    for format_, content in WHOLE:
        for batch in format_.read(RawFile("any", content), SITE):
            assert set(batch[column.name].to_pylist()) <= declared


@pytest.mark.parametrize(
    ("format_", "content"), [pair for pair in WHOLE if not pair[1].startswith(b"PK")], ids=lambda value: None
)
def test_problems_and_errors_name_no_cell(format_: Format, content: bytes) -> None:
    canary = b"Zwitscher"
    for line in {part for part in content.replace(b"\t", b",").replace(b">", b",").split(b",") if 1 < len(part) < 12}:
        changed = content.replace(line, canary)
        try:
            rows = [row for batch in format_.read(RawFile("any", changed), SITE) for row in batch.to_pylist()]
        except FileError as error:
            assert canary.decode() not in str(error)
            continue
        assert all(canary.decode() not in (row["problem"] or "") for row in rows)


def test_a_workbook_that_unpacks_to_far_more_than_a_plate_is_refused() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/workbook.xml", "w") as part:
        for _ in range(520):
            part.write(bytes(2**20))
    for format_ in (MSD_XLSX, BIOPLEX_XLSX):
        assert not format_.recognise(Probe.of("any", stream.getvalue()))
        with pytest.raises(FileError, match="unpacks to more than 512 MiB"):
            list(format_.read(RawFile("any", stream.getvalue()), SITE))
