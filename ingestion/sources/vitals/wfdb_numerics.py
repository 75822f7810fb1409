"""WFDB numerics (MIMIC and other PhysioNet archives): a header (`.hea`) with its signal files or segments.

https://physionet.org/physiotools/wag/header-5.htm. The package `wfdb` reads gains, units, layout segments and gaps;
what it gives as NaN (-32768 in 16-bit signals) is missing and no record. A record without a base date counts from
`ingestion.dates.DAY_ZERO`.
"""

import re
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site
from ingestion.dates import DAY_ZERO
from ingestion.format import Format, Probe, RawFile
from ingestion.problems import where
from ingestion.sources.vitals.raw import VITAL_VALUE
from ingestion.sources.vitals.signals import device_of, signal_of, ucum, unit_of
from ingestion.text import decode

ZERO_MEANS_MISSING = frozenset(("MAP", "SBP", "DBP", "NIBP_MAP", "NIBP_SBP", "NIBP_DBP", "HR", "PULSE", "SPO2", "RR"))
"""Signals into which these monitors write 0 while nothing is connected (ABPMean: hours of zeros in MIMIC).

Not ETCO2, where 0 is a value, nor TEMP, where the plausible range refuses it.
"""

MAX_NUMERICS_HZ = 2.0
"""Numerics come at most this often; what is faster is a waveform, whose samples are no vital signs."""

_RECORD_LINE = re.compile(r"^([\w.-]+)(?:/(\d+))?[ \t]+(\d+)(?:[ \t]+[\d.eE+-]+(?:/\S+)?.*)?$")
_MIMIC_MATCHED = re.compile(r"^([sp]\d{4,8})-\d{4}-\d{2}-\d{2}-\d{2}-\d{2}n?$")
_LONGEST_NAME_BYTES = 250
"""What file systems allow is 255, with the ending."""
_YEAR_MICROS = 365.25 * 86_400 * 1e6
_NO_FILE = "~"  # a segment or signal that was not recorded
# What `wfdb` lets through where a header lies or a signal file is cut.
_WFDB_ERRORS = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, OSError, MemoryError)


def _header_lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]


def _recognise(probe: Probe) -> bool:
    lines = _header_lines(probe.text)
    if not lines:
        return False
    record = _RECORD_LINE.match(lines[0])
    # The lines below hold a file name and a format number, or a segment name and its length.
    return record is not None and len(lines) > 1 and all(re.match(r"^\S+[ \t]+\d+", line) for line in lines[1:])


def companions(header: Path) -> list[Path]:
    """Signal files of a header, or its segments' headers and their signal files, all in its own folder.

    Raises FileError where one is not there, or lies elsewhere.
    """
    lines = _header_lines(decode(header.read_bytes()))
    record = _RECORD_LINE.match(lines[0]) if lines else None
    if record is None:
        return []
    names = dict.fromkeys(line.split()[0] for line in lines[1:])
    found: list[Path] = []
    for name in names:
        if name == _NO_FILE:
            continue
        path = header.parent / (f"{name}.hea" if record[2] else name)
        if Path(name).name != name or len(name.encode()) > _LONGEST_NAME_BYTES or not path.is_file():
            raise FileError("The WFDB header names a signal file or segment that is not in its folder.")
        found.append(path)
        if record[2] and path != header:
            found.extend(c for c in companions(path) if c not in found)
    return found


@contextmanager
def _record_path(raw: RawFile) -> Iterator[Path]:
    """The header's path without its ending, with all companions beside it, as `wfdb` wants it."""
    if raw.path is not None and all(c.parent == raw.path.parent for c in raw.companions.values()):
        yield raw.path.with_suffix("")
        return
    with tempfile.TemporaryDirectory() as folder:
        header = Path(folder) / Path(raw.name).name
        header.write_bytes(raw.content)
        for name, path in raw.companions.items():
            shutil.copyfile(path, Path(folder) / Path(name).name)
        yield header.with_suffix("")


def read_wfdb(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Yields one batch a signal; `file_row` is sample x number of signals + position.

    Raises FileError where header and signals do not fit, where they are waveforms, or where no signal is known.
    """
    import wfdb

    with _record_path(raw) as path, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy's on overflowing samples, which the checks of the table judge
        try:
            record = wfdb.rdrecord(str(path), physical=True, m2s=True)
            signals = np.asarray(record.p_signal, np.float64)
            micros = _micros(record, len(signals), site)
        except _WFDB_ERRORS as error:
            raise FileError(
                "The WFDB header and its signal files cannot be read together; one of them is cut or damaged."
            ) from error
    # A signal line may end before the name.
    names, units = [name or "" for name in record.sig_name or []], record.units or []
    if signals.ndim != 2 or not signals.shape[1] == len(names) == len(units):
        raise FileError("The WFDB header names more or fewer signals than its signal files hold.")
    known = [(i, name, signal) for i, name in enumerate(names) if (signal := signal_of(name))]
    if not known:
        raise FileError("No signal of the WFDB record is a known vital sign; expected such as HR or ABPMean.")
    name = path.name
    subject = _MIMIC_MATCHED.match(name)
    for position, given, signal in known:
        values = signals[:, position]
        is_missing = ~np.isfinite(values)
        if signal in ZERO_MEANS_MISSING:
            is_missing |= values == 0
        rows = np.flatnonzero(~is_missing)
        n = len(rows)
        # No unit: the layout declares the signal, and no segment recorded it.
        unit = unit_of(signal) if units[position] is None else ucum(units[position])
        wrong_unit = unit != unit_of(signal)
        yield VITAL_VALUE.batch(
            file_row=pa.array(rows * len(names) + position, pa.int64()),
            problem=where(pa.array([wrong_unit] * n, pa.bool_()), "the unit is not the one of the signal"),
            case_id=pa.array([name] * n, pa.string()),
            patient_id=pa.array([subject[1] if subject else None] * n, pa.string()),
            event_time=pa.array(micros[rows], pa.timestamp("us", tz="UTC")),
            signal=pa.array([signal] * n, pa.string()),
            value=pa.array(values[rows]),
            unit=pa.array([unit] * n, pa.string()),
            device=pa.array([device_of(given)] * n, pa.string()),
        )


def _micros(record: Any, n: int, site: Site) -> npt.NDArray[np.int64]:
    """Times of n samples in microseconds since 1970 (UTC). Microseconds, since archives shift years past 2262."""
    if not 0 < record.fs <= MAX_NUMERICS_HZ:
        raise FileError(f"The record has {record.fs:g} samples a second: waveforms; expected numerics, at most 2.")
    start = record.base_datetime
    begin = DAY_ZERO if start is None else start.replace(tzinfo=ZoneInfo(site.time_zone)).astimezone(UTC)
    period = 1e6 / record.fs
    # Headers cut the frequency (0.0166666666667): a minute is a minute, or a long record drifts.
    if abs(period - round(period)) < 1e-9 * period:
        period = round(period)
    if begin.year + n * period / _YEAR_MICROS > 9999:
        raise FileError("The WFDB record reaches beyond the year 9999; expected a sampling frequency of numerics.")
    # Not through datetime.timestamp(), whose doubles have no microseconds left in the year 2896.
    since = begin - DAY_ZERO
    epoch = int(DAY_ZERO.timestamp()) * 1_000_000 + (since.days * 86_400 + since.seconds) * 1_000_000
    offsets: npt.NDArray[np.int64] = np.rint(np.arange(n) * period).astype(np.int64)
    return offsets + np.int64(epoch + since.microseconds)


WFDB_NUMERICS = Format(
    name="wfdb_numerics",
    looked_for="a WFDB header (.hea) with its signal files beside it",
    recognise=_recognise,
    read=read_wfdb,
    raw=VITAL_VALUE,
    companions=companions,
    version=2,
)
