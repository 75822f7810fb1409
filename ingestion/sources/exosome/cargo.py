"""Cargo tables (CSV): proteins and RNA on or in vesicles, a row for each marker of a sample.

Written by people rather than by one instrument: comma, semicolon or tab; English or French column names; a value with
its operator (`< 0.5`, `OOR >`, `*12.3`, `Undetermined`), read by the rules of `ingestion.sources.cytokine.values`.
Columns that are not named here are not read.

A comma is the decimal mark where some value has one and none has a point. Between commas or tabs that is refused where
each such value could as well be thousands (1,234): a list separator of `;` is what tells a decimal comma.
"""

import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import FileError
from infra.settings import Site
from ingestion.columnar import TextColumns, distinct, header_cells, mapped, present, read_columns
from ingestion.dates import has_time_of_day, parse_times
from ingestion.format import Format, Probe, RawFile
from ingestion.labels import is_label
from ingestion.problems import join_problems, where
from ingestion.sources.cytokine.names import ucum_unit
from ingestion.sources.cytokine.values import decimal_mark, read_values
from ingestion.sources.exosome.raw import EXOSOME_CARGO
from ingestion.text import separator_of
from ingestion.vocabulary import Vocabulary, named, plain

_COLUMNS = {
    "sample_id": ("sample", "sample id", "sample name", "echantillon", "id echantillon"),
    "marker": ("marker", "target", "protein", "mirna", "marqueur", "cible", "proteine"),
    "value": ("value", "result", "valeur", "resultat"),
    "unit": ("unit", "units", "unite", "unites"),
    "method": ("method", "assay", "methode", "technique", "dosage"),
    "replicate": ("replicate", "replicat"),
    "plate_id": ("plate", "plate id", "plaque"),
    "lloq": ("lloq", "lod", "limit of detection", "llod", "limite de detection"),
    "uloq": ("uloq",),
    "measured_time": ("measured time", "measured date", "plate date", "run date", "date de mesure", "date de plaque"),
    "reported_time": ("report time", "report date", "reported time", "date de rendu", "date du rapport"),
}
_NEEDED = ("sample_id", "marker", "value")
MISSING = ("NULL", "null", "None")
"""Cells that are as good as empty in columns other than the value, where 'NA' and '---' say more."""

MARKERS: Vocabulary = {
    "CD9": ("cd 9", "tspan29"),
    "CD63": ("cd 63", "tspan30", "lamp3"),
    "CD81": ("cd 81", "tspan28"),
    "TSG101": ("tsg 101",),
    "PDCD6IP": ("alix",),
    "CD274": ("pd l1", "pdl1"),
}
"""HGNC symbols by the names that markers of vesicles go by; another name is kept as given."""

_UNITS = {
    "%": "%",
    "percent": "%",
    "mfi": "{MFI}",
    "ct": "{Ct}",
    "cq": "{Ct}",
    "copies/ul": "{copies}/uL",
    "copies/μl": "{copies}/uL",
    "copies/ml": "{copies}/mL",
    "particles/ml": "{particles}/mL",
    "rpm": "{reads}/10*6{reads}",
    "cpm": "{reads}/10*6{reads}",
}
_NOT_DETECTED = ("undetermined", "not detected", "non detecte", "indetermine")
_THOUSANDS = re.compile(r"[<>*\s]*\d{1,3}(?:,\d{3})+")
_DAY_MICROSECONDS = 86_400_000_000


def _names(header: list[str]) -> dict[str, str]:
    """The header's name of each column that it has, by our name."""
    words = {plain(name): name for name in reversed(header)}
    found = {
        ours: next((words[n] for n in (plain(ours), *names) if n in words), None) for ours, names in _COLUMNS.items()
    }
    return {ours: name for ours, name in found.items() if name is not None}


def is_cargo(probe: Probe) -> bool:
    """A header line with a sample, a marker and a value."""
    line = next((line for line in probe.lines if line.strip() and not line.startswith("#")), "")
    return len(line) < 10_000 and all(ours in _names(header_cells(line)) for ours in _NEEDED)


def read_cargo(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """One record a row. Raises FileError where numbers or dates can be read two ways."""
    text = file.text
    table = read_columns(text)
    names = _names(list(table.columns))
    missing = [ours for ours in _NEEDED if ours not in names]
    if missing:
        raise FileError(f"The cargo table lacks its columns {', '.join(missing)}; expected {', '.join(_NEEDED)}.")
    columns = {ours: _column(table, names.get(ours)) for ours in _COLUMNS}
    given = columns.pop("value")
    decimal = _decimal(text, [columns["lloq"], columns["uloq"], given])
    read = read_values(given, decimal)
    undetected = pc.is_in(given, pa.array([t for t in distinct(given) if plain(t) in _NOT_DETECTED], pa.string()))
    problems = join_problems(table.problems, pc.if_else(undetected, None, read.problem))
    for name in ("marker", "unit", "method", "replicate"):
        values = columns[name]
        is_short = is_label(values)
        columns[name] = pc.if_else(is_short, values, None)
        problems = join_problems(
            problems, where(pc.invert(is_short), f"{name} is no short label of up to 60 characters")
        )
    limits = {}
    for name, mark in (("lloq", "<"), ("uloq", ">")):
        limit = read_values(columns.pop(name), decimal)
        is_readable = pc.is_in(limit.operator, pa.array(["=", "none"]))
        problems = join_problems(
            problems, where(pc.invert(pc.fill_null(is_readable, False)), f"{name} is not a number")
        )
        # The limit that stands beside the value's own operator is that value's; a column's is the assay's.
        limits[name] = pc.coalesce(pc.if_else(pc.equal(read.operator, mark), read.limit, None), limit.value)
    times = {}
    for name in ("measured_time", "reported_time"):
        text_of = columns.pop(name)
        times[name], unclear = parse_times(text_of, site, name)
        problems = join_problems(problems, pa.array(unclear, pa.string()))
        times[f"{name.removesuffix('_time')}_known_time"] = _end_of_day(times[name], text_of)
    del times["reported_time"]
    yield EXOSOME_CARGO.batch(
        file_row=pa.array(range(table.n_rows), pa.int64()),
        problem=problems,
        **{
            **columns,
            **limits,
            **times,
            "marker": named(columns["marker"], MARKERS),
            "unit": _units(columns["unit"]),
            "reported": pc.if_else(pc.is_valid(read.operator), given, pc.if_else(undetected, given, None)),
            "value": read.value,
            "operator": pc.if_else(undetected, "none", read.operator),
            "qc_flag": pc.if_else(undetected, "not_detected", read.qc_flag),
        },
    )


def _column(table: TextColumns, name: str | None) -> pa.Array:
    """A column stripped; all null where the file has none."""
    return pa.nulls(table.n_rows, pa.string()) if name is None else present(table.columns[name], MISSING)


def _decimal(text: str, columns: list[pa.Array]) -> str:
    """The decimal mark of the file. Raises FileError where a comma may group thousands instead."""
    numbers = [n for column in columns for n in distinct(column)]
    mark = decimal_mark(numbers)
    with_comma = [n for n in numbers if "," in n]
    line = next((line for line in text.split("\n") if line.strip() and not line.startswith("#")), "")
    if mark == "," and separator_of(line) != ";" and all(_THOUSANDS.fullmatch(n) for n in with_comma):
        raise FileError(
            "Values can be read two ways (the comma marks decimals or groups thousands); "
            "expected a decimal point, or columns between semicolons where the comma is decimal."
        )
    return mark


def _units(values: pa.Array) -> pa.Array:
    def ucum(text: str) -> str | None:
        return _UNITS.get(text.casefold().replace("µ", "μ").replace(" ", "")) or ucum_unit(text)

    return mapped(values, [(text, ucum(text)) for text in distinct(values)])


def _end_of_day(times: pa.Array, text: pa.Array) -> pa.Array:
    """The times; where the text gives only the day, its end: by then at the latest it was known."""
    is_day = pc.is_in(text, pa.array([t for t in distinct(text) if not has_time_of_day(t)], pa.string()))
    return pc.if_else(is_day, pc.add(times, pa.scalar(_DAY_MICROSECONDS, pa.duration("us"))), times).cast(
        pa.timestamp("us", tz="UTC")
    )


CARGO = Format(
    name="exosome_cargo_csv",
    looked_for="a table with columns for sample, marker and value",
    recognise=is_cargo,
    read=read_cargo,
    raw=EXOSOME_CARGO,
)
