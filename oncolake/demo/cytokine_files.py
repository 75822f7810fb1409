"""Luminex plates as xPONENT exports them: standards, controls, blanks and the plasma of a wave of patients.

Baseline and week 2 of a wave share a plate run in week 3, week 4 runs in week 5 (both before the landmark), weeks 6
and 8 run in week 9 or 10 (after it). Results are in pg/mL, already multiplied by the dilution.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta

import numpy as np
import numpy.typing as npt

from oncolake.demo import truth
from oncolake.demo.hospitals import Hospital
from oncolake.demo.study import Patient, Visit, rng_of

ANALYTES = tuple(truth.CYTOKINES)
BEADS = ("19", "18", "28", "45", "43", "67", "78", "61")
N_STANDARDS = 7
STANDARD_FOLD = 4.0
SAMPLE_DILUTION = 4
WELLS_FOR_SAMPLES = 76
RUNS: dict[str, tuple[tuple[str, ...], int]] = {
    # plate: (visits on it, days from the Monday of the wave to the run)
    "P1": (("baseline", "week 2"), 24),
    "P2": (("week 4",), 38),
    "P3": (("week 6", "week 8"), 68),
}
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Well:
    """One well: what the plate map calls it and its true concentrations in pg/mL (n analytes,), NaN for no beads."""

    sample: str
    concentrations: FloatArray
    dilution: int = 1


@dataclass(frozen=True)
class Plate:
    """One run of one plate."""

    batch: str
    hospital: Hospital
    run: datetime
    wells: tuple[Well, ...]
    seed: int

    @property
    def file_name(self) -> str:
        return f"{self.batch}.csv"

    @property
    def stop(self) -> datetime:
        """When the run ended (BatchStopTime): from then on the results are known."""
        return self.run + timedelta(minutes=42, seconds=17)


def plates(patients: Sequence[Patient], hospital: Hospital, seed: int, held_back: str = "") -> list[Plate]:
    """The plates of one hospital. The sample `held_back` is on none of them."""
    ours = [p for p in patients if p.hospital is hospital]
    made = []
    for wave in sorted({p.wave for p in ours}):
        members = [p for p in ours if p.wave == wave]
        start = min(p.first_fraction for p in members).date()
        monday = start - timedelta(days=start.weekday())
        for name, (timepoints, days) in RUNS.items():
            wells = [
                sample_well(patient, visit, seed)
                for patient in members
                for visit in patient.visits
                if visit.timepoint in timepoints and visit.has_cytokines and visit.sample_id != held_back
            ]
            for part in range(0, len(wells), WELLS_FOR_SAMPLES):
                number = part // WELLS_FOR_SAMPLES
                run = datetime.combine(monday + timedelta(days=days + number), time(14, 5 + wave % 50, 30))
                suffix = chr(ord("a") + number) if number else ""
                batch = f"{hospital.site_id[:3].upper()}_CYTO8_{run:%Y%m%d}_{name}{suffix}"
                made.append(plate(batch, hospital, run, wells[part : part + WELLS_FOR_SAMPLES], seed))
    return made


def plate(batch: str, hospital: Hospital, run: datetime, samples: Iterable[Well], seed: int) -> Plate:
    """A plate with its standards, two controls and two blanks before the samples."""
    tops = np.array([truth.CYTOKINES[a][4] for a in ANALYTES])
    wells = [Well("Background0", np.zeros(len(ANALYTES))) for _ in range(2)]
    wells += [Well(f"Standard{k + 1}", tops / STANDARD_FOLD**k) for k in range(N_STANDARDS)]
    wells += [Well("Control1", tops / 64), Well("Control2", tops / 6)]
    return Plate(batch, hospital, run, (*wells, *samples), seed)


def true_log2(patient: Patient, timepoint: str, seed: int) -> FloatArray:
    """Log2 pg/mL of each analyte in a visit's plasma, before the noise of the measurement (n analytes,)."""
    rng = rng_of(seed, "cytokine baseline", patient.index)
    values = []
    for name, (level, level_sd, change, change_sd, _, effect) in truth.CYTOKINES.items():
        baseline = level + level_sd * rng.standard_normal()
        own = rng.standard_normal()
        z = own if effect is None else getattr(patient.latent, effect)
        if name == "IL8":
            baseline += truth.BURDEN_ON_CXCL8 * patient.latent.burden_z
        values.append(baseline + truth.KINETICS[timepoint] * (change + change_sd * z))
    return np.array(values)


def sample_well(patient: Patient, visit: Visit, seed: int) -> Well:
    """The plasma of a visit in a well; now and then the beads of a well are lost."""
    rng = rng_of(seed, "cytokine", patient.index, *visit.timepoint.encode())
    log2 = true_log2(patient, visit.timepoint, seed) + truth.NOISE_CYTOKINE_LOG2 * rng.standard_normal(len(ANALYTES))
    values = 2.0**log2
    if rng.random() < 0.012:
        values = np.full(len(ANALYTES), np.nan)
    return Well(visit.sample_id, values, SAMPLE_DILUTION)


def plate_csv(plate: Plate) -> bytes:
    """The plate as xPONENT 4.3 writes it: every field quoted, CRLF, blocks by data type."""
    lines = [*_header(plate), *_blocks(plate)]
    quoted = [",".join(f'"{cell}"' for cell in line) for line in lines]
    body = "\r\n".join(quoted) + "\r\n\r\n"
    return f"{body}-- CRC --\r\nCRC32: {zlib.crc32(body.encode('cp1252')):08X}\r\n".encode("cp1252")


def _header(plate: Plate) -> Iterable[list[str]]:
    hospital = plate.hospital
    run, stop = hospital.write_time(plate.run), hospital.write_time(plate.stop)
    yield ["Program", "xPONENT", "", "MAGPIX"]
    yield ["Build", "4.3.229.0"]
    yield ["Date", *run.split(" ", 1)]
    yield []
    yield ["SN", "MAGPX13050701"]
    yield ["Batch", plate.batch]
    yield ["Version", "1"]
    yield ["Operator", "lab"]
    yield ["ComputerName", "MAGPIX01"]
    yield ["Country Code", "40C"]
    yield ["ProtocolName", "CYTO8"]
    yield ["ProtocolVersion", "2"]
    yield ["ProtocolDescription", "Human cytokine 8-plex, 25 µl plasma"]
    yield ["SampleVolume", "50 uL"]
    yield ["DDGate", "5000 to 25000"]
    yield ["SampleTimeout", "60 sec"]
    yield ["BatchStartTime", run]
    yield ["BatchStopTime", stop]
    yield ["BatchDescription", "<None>"]
    yield ["ProtocolPlate", "Name", "Current 96-well plate", "Type", "96", "Plates", "1"]
    yield ["ProtocolMicrosphere", "Map", "MAGPIX Map", "Type", "MagPlex", "Count", str(len(ANALYTES))]
    yield ["ProtocolAnalysis", "On"]
    yield []
    yield ["Most Recent Calibration and Verification Results:"]
    yield ["Last Calibration", f"Passed {run}"]
    yield ["Last Verification", f"Passed {run}"]
    yield []
    yield ["Samples", str(len(plate.wells)), "Min Events", "50", "Per Bead"]
    yield []
    yield ["Results"]
    yield []


def _blocks(plate: Plate) -> Iterable[list[str]]:
    rng = rng_of(plate.seed, "plate", *plate.batch.encode())
    tops = np.array([truth.CYTOKINES[a][4] for a in ANALYTES])
    upper = tops
    lower = tops / STANDARD_FOLD ** (N_STANDARDS - 1) * rng.uniform(0.9, 1.2, len(ANALYTES))
    truly = np.stack([well.concentrations for well in plate.wells])
    counts = np.where(np.isnan(truly), 0, rng.poisson(88, truly.shape))
    counts = np.where((rng.random(truly.shape) < 0.01) & (counts > 0), rng.integers(24, 45, truly.shape), counts)
    blank = 28.0
    net = np.round(24_000 * truly / (truly + 0.5 * tops) * np.exp(0.03 * rng.standard_normal(truly.shape)), 1)
    median = np.round(net + blank + rng.uniform(-2, 2, truly.shape), 1)
    is_blank = [well.sample.startswith("Background") for well in plate.wells]
    result = [
        [
            "0" if is_blank[i] else _reported(value, lower[j], upper[j], _is_known(plate.wells[i]))
            for j, value in enumerate(row)
        ]
        for i, row in enumerate(truly)
    ]
    yield from _per_well(plate, "Median", _cells(median), counts)
    yield from _per_well(plate, "Net MFI", _cells(net), counts)
    yield from _per_well(plate, "Count", [[str(c) for c in row] for row in counts.tolist()], counts)
    yield from _per_well(plate, "Result", result, counts)
    yield from _averages(plate, "Avg Net MFI", _cells(net))
    yield from _averages(plate, "Avg Result", result)
    yield from _analytes("Units", ["BeadID:", *BEADS], ["Units:", *["pg/mL"] * len(ANALYTES)])
    yield from _expected(plate, "Standard Expected Concentration", "Standard")
    yield from _expected(plate, "Control Expected Concentration", "Control")
    yield from _analytes("Per Bead Count", ["BeadID:", *BEADS], ["Per Bead:", *["50"] * len(ANALYTES)])
    yield from _block(
        "Dilution Factor",
        ["Location", "Sample", "Dilution Factor"],
        ([_location(i), well.sample, str(well.dilution)] for i, well in enumerate(plate.wells)),
    )
    yield from _analytes("Analysis Types", ["AnalysisType", *["Logistic 5P"] * len(ANALYTES)])
    yield from _block(
        "Warnings/Errors",
        ["Location", "Status", "Message"],
        (
            [
                _location(i).partition("(")[2].rstrip(")"),
                "Warning",
                "The acquisition had at least one region that did not reach the maximum count.  (0x4FF010AB)",
            ]
            for i, row in enumerate(counts)
            if row.min() < 50
        ),
    )


def _is_known(well: Well) -> bool:
    """Standards and controls are measured, not looked up, but lie inside the curve by construction."""
    return well.sample.startswith(("Standard", "Control"))


def _reported(value: float, lower: float, upper: float, is_known: bool) -> str:
    if np.isnan(value):
        return "NaN"
    if is_known:
        return f"{value:.2f}"
    if value < lower:
        return f"< {lower:.2f}"
    return f"> {upper:.0f}" if value > upper else f"{value:.2f}"


def _cells(values: FloatArray) -> list[list[str]]:
    return [["NaN" if np.isnan(v) else f"{v:g}" for v in row] for row in values.tolist()]


def _location(index: int) -> str:
    return f"{index + 1}(1,{'ABCDEFGH'[index % 8]}{index // 8 + 1})"


def _block(name: str, header: list[str], rows: Iterable[list[str]]) -> Iterable[list[str]]:
    yield ["DataType:", name]
    yield header
    yield from rows
    yield []


def _per_well(plate: Plate, name: str, cells: list[list[str]], counts: npt.NDArray[np.int64]) -> Iterable[list[str]]:
    return _block(
        name,
        ["Location", "Sample", *ANALYTES, "Total Events"],
        ([_location(i), well.sample, *cells[i], str(int(counts[i].sum() * 1.2))] for i, well in enumerate(plate.wells)),
    )


def _averages(plate: Plate, name: str, cells: list[list[str]]) -> Iterable[list[str]]:
    seen: dict[str, list[str]] = {}
    for well, row in zip(plate.wells, cells, strict=True):
        seen.setdefault(well.sample, row)
    return _block(name, ["Sample", *ANALYTES], ([sample, *row] for sample, row in seen.items()))


def _analytes(name: str, *rows: list[str]) -> Iterable[list[str]]:
    return _block(name, ["Analyte:", *ANALYTES], rows)


def _expected(plate: Plate, name: str, prefix: str) -> Iterable[list[str]]:
    return _block(
        name,
        ["Reagent", *ANALYTES],
        (
            [well.sample, *(f"{v:.2f}" for v in well.concentrations)]
            for well in plate.wells
            if well.sample.startswith(prefix)
        ),
    )
