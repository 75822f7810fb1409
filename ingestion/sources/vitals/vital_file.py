"""`.vital` files of Vital Recorder: gzip, a header, then packets that declare devices and tracks or hold values.

https://vitaldb.net/docs?documentId=VitalRecorder/Vital_File_Format.md: times are seconds since 1970 in UTC; the bias of
the header (minutes) is for display. Numeric tracks of known signals are read; waveforms, texts and events are not. The
package `vitaldb` decodes the packets. It takes a cut file for a whole one, prints its errors and unpacks any size, so
the frame of the file is checked before.
"""

import gzip
import io
import struct
import tempfile
import zlib
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Format, Probe, RawFile
from ingestion.problems import join_problems, where
from ingestion.sources.vitals.raw import VITAL_VALUE
from ingestion.sources.vitals.signals import signal_of, ucum, unit_of
from ingestion.sources.vitals.units import UNIT_WRONG
from ingestion.sources.vitals.vitaldb_csv import case_of

NUMERIC: Final = 2
"""Type of a track with one value a record; 1 is a waveform, 5 text."""

NO_VALUE: Final = {3: -128, 4: 255, 5: -32768, 6: 65535, 7: -2147483648, 8: 4294967295}
"""What integer formats (char, byte, short, word, long, dword) write for no value; float and double write NaN."""

MAX_PACKET: Final = 1_000_000
"""Bytes of a packet, but where the header says that a track's samples are packed into one."""

MAX_EMPTY: Final = 1_000
"""Packets without content: five bytes each, of which a bomb holds millions for the walk to take minutes over."""

MAX_INFLATION: Final = 100
SMALL: Final = 64 << 20
_CHUNK = 1 << 20
_LATEST = 253_402_300_800  # the year 10000
_CUT = "The .vital file is cut or damaged; expected a whole gzip file of whole packets."
# What `gzip`, and `vitaldb` before its own try, let through where bytes lie.
_ERRORS = (
    OSError,
    EOFError,
    zlib.error,
    struct.error,
    ValueError,
    TypeError,
    ArithmeticError,
    MemoryError,
    LookupError,
)


def _recognise(probe: Probe) -> bool:
    try:
        return zlib.decompressobj(wbits=31).decompress(probe.head, 4) == b"VITA"
    except zlib.error:
        return False


def _skip(stream: gzip.GzipFile, length: int) -> None:
    while length:
        n = len(stream.read(min(length, _CHUNK)))
        if not n:
            raise FileError(_CUT)
        length -= n


def check_frame(raw: RawFile) -> None:
    """Walks over all packets in constant memory. Raises FileError where the file is cut, damaged or a bomb."""
    with raw.open() as packed:
        limit = max(SMALL, MAX_INFLATION * packed.seek(0, io.SEEK_END))
        packed.seek(0)
        try:
            with gzip.GzipFile(fileobj=packed) as stream:
                header = stream.read(int.from_bytes(stream.read(10)[8:], "little"))
                if len(header) < 2:
                    raise FileError(_CUT)
                is_packed, n_empty = header[26:27] == b"\x01", 0
                while frame := stream.read(5):
                    length = int.from_bytes(frame[1:], "little")
                    if len(frame) < 5 or (length > MAX_PACKET and not is_packed):
                        raise FileError(_CUT)
                    n_empty += not length
                    if n_empty > MAX_EMPTY:
                        raise FileError(f"The .vital file holds more than {MAX_EMPTY:,} empty packets; expected none.")
                    if stream.tell() + length > limit:
                        raise FileError(
                            f"The .vital file inflates beyond {limit >> 20} MiB; expected at most {SMALL >> 20} MiB or "
                            f"{MAX_INFLATION} times its size."
                        )
                    _skip(stream, length)
        except _ERRORS as error:
            raise FileError(_CUT) from error


class _Records:
    """The records of a track in 16 bytes each, where `vitaldb` would append a dict to a list."""

    def __init__(self) -> None:
        self.seconds, self.values = array("d"), array("d")

    def append(self, record: dict[str, float]) -> None:
        self.seconds.append(record["dt"])
        self.values.append(record["val"])


class _Tracks(dict[str, Any]):
    """Keeps numeric tracks of known signals only, and the records of a track that is declared again.

    `vitaldb` skips the records of tracks that are not here, and knows a track by its name alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kinds: dict[str, tuple[int, int]] = {}
        self.is_ambiguous = False

    def __setitem__(self, name: str, track: Any) -> None:
        if signal_of(track.name) is None:
            return
        kind = (track.type, track.fmt)
        self.is_ambiguous |= self.kinds.setdefault(name, kind) != kind
        if track.type != NUMERIC:
            return
        track.recs = self[name].recs if name in self else _Records()
        super().__setitem__(name, track)


class _Dropped(list[Any]):
    """Takes in nothing: what devices sent byte by byte, which Vital Recorder may keep beside the values."""

    def append(self, item: Any) -> None:
        return


@contextmanager
def _on_disk(raw: RawFile) -> Iterator[Path]:
    if raw.path is not None:
        yield raw.path.absolute()  # never to be taken for an address on the network
        return
    with tempfile.NamedTemporaryFile(suffix=".vital") as file:
        file.write(raw.content)
        file.flush()
        yield Path(file.name)


def _load(raw: RawFile) -> Any:
    from vitaldb import VitalFile

    file = VitalFile()
    file.trks, file.packets = _Tracks(), _Dropped()
    try:
        with _on_disk(raw) as path, redirect_stdout(io.StringIO()):
            is_read = file.load_vital(str(path))
    except _ERRORS as error:
        raise FileError(_CUT) from error
    if not is_read:
        raise FileError(_CUT)
    if file.trks.is_ambiguous:
        raise FileError("The .vital file declares two tracks of one name and different kinds; expected one name each.")
    return file


def device_names(devices: dict[str, Any]) -> dict[str, str]:
    """{name of a device: its type, numbered from the second on}. The name is the user's: it may say whose bed it is."""
    seen: Counter[str] = Counter()
    names = {}
    for name, device in devices.items():
        seen[device.type] += 1
        names[name] = device.type if seen[device.type] == 1 else f"{device.type} {seen[device.type]}"
    return names


def read_vital(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Yields one batch a track; `file_row` counts the records of the tracks that are read. What is NaN is no record.

    Raises FileError where the file is cut or damaged, or no numeric track is a known vital sign.
    """
    check_frame(raw)
    file = _load(raw)
    if not file.trks:
        raise FileError("No numeric track of the .vital file is a known vital sign; expected such as HR or ART_MBP.")
    devices = device_names(file.devs)
    first = 0
    for track in file.trks.values():
        yield _batch(track, devices.get(track.dname), first, case_of(raw.name))
        first += len(track.recs.values)


def _batch(track: Any, device: str | None, first: int, case_id: str) -> pa.RecordBatch:
    signal = signal_of(track.name)
    assert signal is not None
    values, seconds = np.array(track.recs.values), np.array(track.recs.seconds)
    is_missing = ~np.isfinite(values)
    if track.fmt in NO_VALUE:
        is_missing |= values == NO_VALUE[track.fmt]
    rows = np.flatnonzero(~is_missing)
    n = len(rows)
    micros, is_time = _micros(seconds[rows])
    # Tracks without a unit (PLETH_SPO2) are declared by their name.
    unit = ucum(track.unit) if track.unit.strip() else unit_of(signal)
    # A scale for stored integers: readers of the format do not agree whether it holds for numeric tracks too.
    is_scaled = track.fmt in NO_VALUE and (track.gain not in {0.0, 1.0} or track.offset != 0.0)
    return VITAL_VALUE.batch(
        file_row=pa.array(rows + first, pa.int64()),
        problem=join_problems(
            where(pa.array([unit != unit_of(signal)] * n, pa.bool_()), UNIT_WRONG),
            where(pa.array([is_scaled] * n, pa.bool_()), "the numeric track has a gain or an offset"),
            where(pa.array(~is_time), "the time is not after 1970"),
        ),
        case_id=pa.array([case_id] * n, pa.string()),
        event_time=pa.array(micros, pa.timestamp("us", tz="UTC"), mask=~is_time),
        signal=pa.array([signal] * n, pa.string()),
        value=pa.array(values[rows]),
        unit=pa.array([unit] * n, pa.string()),
        device=pa.array([f"{device}/{track.name}" if device else track.name] * n, pa.string()),
    )


def _micros(seconds: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Microseconds since 1970, and whether they are a time at all."""
    is_time = (seconds > 0) & (seconds < _LATEST)
    micros: npt.NDArray[np.int64] = np.rint(np.where(is_time, seconds, 0) * 1e6).astype(np.int64)
    return micros, is_time


VITAL_FILE = Format(
    name="vital_file",
    looked_for="a .vital file of Vital Recorder (gzip, 'VITA')",
    recognise=_recognise,
    read=read_vital,
    raw=VITAL_VALUE,
)
