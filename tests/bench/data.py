"""Generated landing folders, the same from the same numbers. Made once and kept; vectorised, so that 5 GB take minutes.

Monitor archives: a file is a case, ten signals once a second, a start at a random second of a year; 2 % of values
missing, 0.1 % beyond what is plausible (999), 0.02 % no number. Both layouts hold the same values.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

SIGNALS = {
    # signal: unit, mean, spread
    "MAP": ("mmHg", 82, 9), "SBP": ("mmHg", 118, 14), "DBP": ("mmHg", 63, 8), "HR": ("bpm", 74, 11),
    "SPO2": ("%", 96, 1), "RR": ("/min", 14, 2), "TEMP": ("°C", 36.6, 0.3), "ETCO2": ("mmHg", 36, 3),
    "NIBP_MAP": ("mmHg", 84, 10), "PULSE": ("/min", 74, 11),
}  # fmt: skip
LAYOUTS = ("wide", "long")
_MISSING, _IMPLAUSIBLE, _NO_NUMBER = 0.02, 0.001, 0.0002


def made(folder: Path, make: Callable[[Path], None]) -> Path:
    """The folder, made by `make` unless a run before finished it."""
    done = folder.with_name(f"{folder.name}.done")
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        make(folder)
        done.touch()
    return folder


def vitals(data: Path, layout: str, values: int, values_per_file: int, first: int = 0) -> Path:
    """A folder of CSV files in a layout ('wide' or 'long'): `values` cells over files of `values_per_file`.

    first: number of the first case; another one gives other files.
    """

    def make(folder: Path) -> None:
        seconds = values_per_file // len(SIGNALS)
        for i in range(max(1, values // values_per_file)):
            table = _wide(first + i, seconds)
            if layout == "long":
                table = _long(table)
            csv.write_csv(table, folder / f"monitor_{first + i:06d}.csv", csv.WriteOptions(quoting_style="none"))

    return made(data / f"vitals-{layout}-{values}-{values_per_file}-{first}", make)


def _wide(case: int, seconds: int) -> pa.Table:
    random = np.random.default_rng(case)
    start = np.datetime64("2024-01-01T00:00:00") + random.integers(0, 366 * 86_400)
    times = pc.strftime(pa.array(start + np.arange(seconds), pa.timestamp("s")), "%Y-%m-%dT%H:%M:%SZ")
    columns = {
        "case_id": pa.repeat(pa.scalar(f"OR-2024-{case:06d}"), seconds),
        "patient_id": pa.repeat(pa.scalar(f"HOSP-{case // 3:07d}"), seconds),
        "time": times,
    }
    for name, (_, mean, spread) in SIGNALS.items():
        values = np.round(mean + spread * np.clip(random.standard_normal(seconds), -3, 3), 1)
        kind = random.random(seconds)
        values[kind < _IMPLAUSIBLE] = 999
        cells = pa.array(values, mask=kind > 1 - _MISSING).cast(pa.string())
        columns[name] = pc.if_else(pa.array((kind > 0.5) & (kind < 0.5 + _NO_NUMBER)), "??", cells)
    return pa.table(columns)


def _long(wide: pa.Table) -> pa.Table:
    n, k = wide.num_rows, len(SIGNALS)
    # All signals of a second stand together, as a monitor writes them.
    rows = pa.array(np.repeat(np.arange(n), k))
    order = pa.array((np.arange(n * k) % k) * n + np.arange(n * k) // k)
    cells = pa.concat_arrays([wide[name].combine_chunks() for name in SIGNALS])
    signal = pa.array(list(SIGNALS)).take(pa.array(np.tile(np.arange(k), n)))
    unit = pa.array([u for u, _, _ in SIGNALS.values()]).take(pa.array(np.tile(np.arange(k), n)))
    return pa.table(
        {
            **{name: wide[name].combine_chunks().take(rows) for name in ("case_id", "patient_id", "time")},
            "signal": signal,
            "value": cells.take(order),
            "unit": unit,
            "device": pa.repeat(pa.scalar("IntelliVue MX800 / theatre 07"), n * k),
        }
    )


def csv_bytes(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.glob("*.csv"))


def dicom(data: Path, files: int, pixel_bytes: int) -> Path:
    """DICOM slices that carry the header of pydicom's real MR test file, 100 a series, 4 series a study and patient."""
    return made(data / f"dicom-{files}-{pixel_bytes}", lambda folder: _slices(folder, files, pixel_bytes))


def _slices(folder: Path, files: int, pixel_bytes: int) -> None:
    from io import BytesIO

    from pydicom import dcmread
    from pydicom.data import get_testdata_file

    # Placeholders as long as what replaces them: a header is written once and its bytes are changed.
    marks = {
        "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.9000000001",
        "SeriesInstanceUID": "1.2.826.0.1.3680043.8.498.9100000001",
        "StudyInstanceUID": "1.2.826.0.1.3680043.8.498.9200000001",
        "PatientID": "HOSP-9300000001",
    }
    template = dcmread(str(get_testdata_file("MR_small.dcm")))
    for keyword, mark in marks.items():
        setattr(template, keyword, mark)
    template.file_meta.MediaStorageSOPInstanceUID = marks["SOPInstanceUID"]
    side = int((pixel_bytes / 2) ** 0.5)
    template.Rows = template.Columns = side
    template.PixelData = np.random.default_rng(1).integers(0, 1024, side * side, "<i2").tobytes()
    written = BytesIO()
    template.save_as(written)
    content = written.getvalue()
    header, pixels = content[: -pixel_bytes or None], content[-pixel_bytes:]
    for i in range(files):
        series, study = i // 100, i // 400
        slice_ = header
        for mark, number in zip(marks.values(), (i, series, study, study), strict=True):
            slice_ = slice_.replace(mark.encode(), f"{mark[:-9]}{number:09d}".encode())
        place = folder / f"study_{study:04d}" / f"series_{series:05d}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{i:06d}.dcm").write_bytes(slice_ + pixels)
