"""ZetaView (Particle Metrix) size distribution .txt: one raw record a file, which is one capture of one sample.

Known through public readers of real files (heikeboehm/NTA-Analysis, fredstrid/zetaview_conc and
sumitmalhotra-blip/Biovaram_Ev_Analysis on GitHub), since the maker publishes no specification:

- Latin-1 text, some 74 header lines of `Key:<tab>value`, several keys to a line, and `Dilution::` with two colons.
- `Size Distribution`, then `Size / nm  Number  Concentration / cm-3  Volume / nm^3  Area / nm^2`, then a block in
  linear steps and one in logarithmic steps of the same particles, each ended by a row of -1.000E+0. The block with
  even steps is taken, since adding both would count every particle twice.
- Concentrations are of what was in the cell: all of these readers multiply by Dilution afterwards. So the dilution is
  never applied here. Where the file states 1, which is also what it holds when nobody typed a dilution, and a name
  states another one, the record has a problem.
- The file gives the median only; the other sizes follow from the Number column of the block (see `block_sizes`).
- 1 cm3 is 1 mL. Operator, remarks and sample information are not read.
"""

import math
import re
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from pathlib import PureWindowsPath
from statistics import median

import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site
from ingestion.dates import parse_times
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.exosome.block_sizes import sizes_of
from ingestion.sources.exosome.names import dilution_in, without_dilution
from ingestion.sources.exosome.raw import NTA_VIDEO

_HEADER = re.compile(r"^[ \t]*Size / nm[ \t]+Number[ \t]+Concentration / cm-3\b", re.MULTILINE)
_MAKER = re.compile(r"^(?:Software:[ \t]*ZetaView|.*\bZetaView S/N:)", re.MULTILINE)
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d{1,3})?")
_VERSION = re.compile(r"\d+(?:\.\d+)+(?: SP\d+)?")
# The instrument names a capture by day, counter, sample, kind of measurement and laser: 20250227_0002_P2_size_488.
_CAPTURE = re.compile(r"(?:\d{8}_\d{4}_)?(.+?)(?:_(?:\d+pos_?)?(?:size|prof)(?:_\w+)?)?")
_NO_VALUE = frozenset({"", "-", "none", "n/a", "na", "nan"})
_MAX_BINS = 100_000
_BEYOND = 1e30
"""No size and no count is that large; a damaged exponent is."""


def is_zetaview(probe: Probe) -> bool:
    """The header row of the size distribution, or the maker's name among the keys."""
    return bool(_HEADER.search(probe.text) or _MAKER.search(probe.text))


def read_zetaview(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """The one record of a size distribution.

    Raises FileError where the file holds none (zeta potential profiles and position tables do not), is cut short
    within its bins, has no block in even steps, or is dated in a way that can be read two ways.
    """
    text = file.text
    start = _HEADER.search(text)
    if start is None:
        raise FileError(
            "The ZetaView file has no size distribution; expected the columns Size / nm, Number and "
            "Concentration / cm-3 (zeta potential profiles and position tables are not read)."
        )
    keys, rows = text[: start.start()], _linear_block(text[start.start() :])
    captured, problem = _captured(keys, site)
    name = _value(keys, "Original File")
    stem = PureWindowsPath(name).stem[:255] or None if name else None
    experiment = _CAPTURE.fullmatch(stem)[1] if stem else None  # type: ignore[index]  # it matches any text
    sample = _value(keys, "Sample") or experiment
    dilution, contradiction = _dilution(keys, stem or "", sample, file.name)
    measured, unreadable = _measured(rows)
    problems = [p for p in (problem, contradiction, unreadable, None if sample else "no sample is named") if p]
    n_traces = _value(keys, "Number of Traces")
    record: dict[str, object] = {
        "problem": "; ".join(problems) or None,
        "sample_id": without_dilution(sample) if sample else None,
        "measurement_id": " ".join(
            t for t in (experiment or sample, captured.date().isoformat() if captured else None) if t
        ),
        "video": stem or (captured.isoformat() if captured else "capture"),
        "is_instrument_average": False,
        "measured_time": captured,
        "validity": _validity(rows, measured, n_traces),
        "dilution_factor": dilution,
        "is_dilution_applied": False,
        "method": _method(keys),
        "valid_tracks": n_traces,
        **measured,
    }
    if stated := _value(keys, "Median Number (D50)"):
        record["d50_nm"] = stated
    columns = {key: [record.get(key)] for key in NTA_VIDEO.arrow.names if key != "file_row"}
    yield NTA_VIDEO.batch(file_row=[0], **columns)


def _value(keys: str, key: str) -> str | None:
    """The value of a key: what stands between it and the next tab or the line's end; None where that is blank."""
    match = re.search(rf"(?:^|\t)[ ]*{re.escape(key)}::?[ \t]*([^\t\n]*)", keys, re.MULTILINE)
    text = match[1].strip() if match else ""
    return None if text.lower() in _NO_VALUE or text.endswith(":") else text


def _captured(keys: str, site: Site) -> tuple[datetime | None, str | None]:
    """When it was captured, in UTC, and the problem of the date."""
    day, time = _value(keys, "Date"), _value(keys, "Time")
    text = f"{day} {time}" if day and time else day
    times, problems = parse_times(pa.array([text], pa.string()), site, "Date")
    captured: datetime | None = times[0].as_py()
    return captured, problems[0]


def _linear_block(text: str) -> list[list[str]]:
    """The rows of the block in even steps, as text: size, number, concentration. Empty where no bin was written.

    Raises FileError where no block is ended, or no ended one has even steps.
    """
    blocks: list[list[list[str]]] = []
    rows: list[list[str]] = []
    for line in text.split("\n"):
        cells = line.split()
        if not cells or _number(cells[0]) is None:
            continue
        if _number(cells[0]) == -1:
            blocks.append(rows)
            rows = []
        elif len(rows) < _MAX_BINS:
            rows.append(cells[:3])
    if not blocks:
        raise FileError(
            f"The ZetaView file is cut short: it ends after {len(rows)} size bins; expected a row of -1.000E+0 below."
        )
    if not any(blocks):
        return []
    even = next((block for block in blocks if len(block) > 1 and _is_even(block)), None)
    if even is None:
        raise FileError("The ZetaView file has no size bins in even steps; expected its linear size distribution.")
    return even


def _is_even(rows: list[list[str]]) -> bool:
    """Whether the sizes rise by the same step, within what four printed digits round off."""
    steps = [(_number(after[0]) or 0) - (_number(before[0]) or 0) for before, after in pairwise(rows)]
    step = median(steps)
    return step > 0 and all(abs(s - step) <= step / 4 for s in steps)


def _measured(rows: list[list[str]]) -> tuple[dict[str, object], str | None]:
    """Bins, total and sizes of a block, and what is wrong with its cells."""
    if not rows:
        return {}, None
    cells = [[_number(cell) for cell in row] for row in rows]
    centres = [row[0] for row in cells]
    numbers = [row[1] if len(row) > 1 else None for row in cells]
    bins = [row[2] if len(row) > 2 else None for row in cells]
    measured: dict[str, object] = {"bin_centre_nm": centres, "bin_concentration_per_ml": bins}
    missing = sum(value is None for value in (*numbers, *bins))
    if missing:
        return measured, f"{missing} cells of the size bins hold no number"
    counts, per_ml = [n for n in numbers if n is not None], [b for b in bins if b is not None]
    if min(*counts, *per_ml) < 0:
        return measured, "a size bin holds a negative number or concentration"
    measured["concentration_per_ml"] = repr(sum(per_ml))
    sizes = sizes_of([c for c in centres if c is not None], counts)
    return measured | {name: repr(value) for name, value in sizes.items()}, None


def _validity(rows: list[list[str]], measured: dict[str, object], n_traces: str | None) -> str:
    if not rows:
        return "no_data"
    empty = _number(str(measured.get("concentration_per_ml"))) == 0 or (n_traces and _number(n_traces) == 0)
    return "no_particles" if empty else "valid"


def _dilution(keys: str, video: str, sample: str | None, file_name: str) -> tuple[str | None, str | None]:
    """The dilution as stated, else as the names tell it; and the problem where a stated 1 meets another in a name."""
    stated = _value(keys, "Dilution")
    named = dilution_in(video, sample, file_name)
    if stated is None:
        return (f"{named:g}" if named else None), None
    if _number(stated) == 1 and named not in (None, 1.0):
        return stated, "the stated dilution is 1 and a name tells another one"
    return stated, None


def _method(keys: str) -> str:
    """'ZetaView 8.05.16 488 nm': software version and laser, and nothing of the free text beside them."""
    version = _VERSION.search(_value(keys, "Software") or "") or _VERSION.search(_value(keys, "Analyze") or "")
    laser = _number(_value(keys, "Laser Wavelength nm") or "")
    return " ".join(["ZetaView", *([version[0]] if version else []), *([f"{laser:g} nm"] if laser else [])])


def _number(text: str) -> float | None:
    value = float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else math.inf
    return value if abs(value) < _BEYOND else None


ZETAVIEW = Format(
    name="zetaview_txt",
    looked_for="a ZetaView text with the columns Size / nm, Number and Concentration / cm-3",
    recognise=is_zetaview,
    read=read_zetaview,
    raw=NTA_VIDEO,
)
