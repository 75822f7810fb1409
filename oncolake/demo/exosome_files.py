"""NanoSight NTA experiment summaries: one file a plasma sample, five videos of it, sizes in 1,000 bins of 1 nm."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
import numpy.typing as npt

from oncolake.demo import truth
from oncolake.demo.hospitals import Hospital
from oncolake.demo.study import Patient, Visit, rng_of

N_VIDEOS = 5
N_BINS = 1_000
DILUTIONS = (500, 1_000, 2_000)
Validity = Literal["OK", "Unreliable", "No Data"]


@dataclass(frozen=True)
class Video:
    """One video: concentration per mL as the file reports it, its share of each size bin, and sizes in nm."""

    concentration_per_ml: float
    validity: Validity
    bins: npt.NDArray[np.float64]
    sizes: dict[str, float]
    tracks: int


@dataclass(frozen=True)
class Summary:
    """One experiment. `is_dilution_applied`: else the factor stands in the file name, and in no other place."""

    sample_id: str
    captured: datetime
    dilution: int
    is_dilution_applied: bool
    is_resaved: bool
    videos: tuple[Video, ...]

    @property
    def stem(self) -> str:
        factor = "" if self.is_dilution_applied else f"_d{self.dilution}"
        return f"{self.sample_id}{factor}"

    @property
    def file_name(self) -> str:
        return f"{self.stem} {self.captured:%Y-%m-%d %H-%M-%S}-ExperimentSummary.csv"

    def with_video(self, number: int, **changes: float | dict[str, float]) -> "Summary":
        """The experiment with one video changed."""
        videos = list(self.videos)
        videos[number] = replace(videos[number], **changes)  # type: ignore[arg-type]
        return replace(self, videos=tuple(videos))


def measure(patient: Patient, visit: Visit, seed: int) -> Summary:
    """What the NTA laboratory of the hospital measures in the plasma of a visit."""
    rng = rng_of(seed, "exosome", patient.index, *visit.timepoint.encode())
    latent = patient.latent
    log2 = (
        truth.EXOSOME_LOG2_BASELINE
        + truth.EXOSOME_LOG2_BURDEN * latent.burden_z
        + truth.KINETICS[visit.timepoint]
        * (truth.EXOSOME_CHANGE_MEAN + truth.EXOSOME_CHANGE_SD * latent.exosome_change_z)
        + truth.NOISE_EXOSOME_LOG2 * rng.standard_normal()
    )
    is_applied = patient.hospital.site_id != "boston"
    dilution = int(rng.choice(DILUTIONS))
    mode = float(np.clip(105 + 12 * rng.standard_normal(), 75, 150))
    true_per_ml = 2.0**log2 / (1 if is_applied else dilution)
    videos = []
    for _ in range(N_VIDEOS):
        failed = rng.random()
        per_ml = true_per_ml * float(np.exp(0.12 * rng.standard_normal()))
        if failed < 0.015:
            videos.append(Video(0.0, "No Data", np.zeros(N_BINS), {}, 0))
            continue
        validity: Validity = "Unreliable" if failed < 0.05 else "OK"
        videos.append(_video(rng, per_ml * (3 if validity == "Unreliable" else 1), validity, mode))
    captured = visit.collected + timedelta(days=int(rng.integers(2, 8)), minutes=int(rng.integers(60, 480)))
    return Summary(
        visit.sample_id, captured, dilution, is_applied, patient.hospital.site_id == "toulouse", tuple(videos)
    )


def _video(rng: np.random.Generator, per_ml: float, validity: Validity, mode: float) -> Video:
    centres = np.arange(N_BINS) + 0.5
    density = np.zeros(N_BINS)
    for share, peak, width in ((0.8, mode, 0.22), (0.2, mode * rng.uniform(1.5, 2.0), 0.28)):
        density += share * np.exp(-0.5 * (np.log(centres / peak) / width) ** 2) / centres
    density[density < density.max() * 1e-6] = 0
    density /= density.sum()
    cumulative = np.cumsum(density)
    mean = float((density * centres).sum())
    sizes = {
        "Mean": mean,
        "Mode": float(centres[density.argmax()]),
        "SD": float(np.sqrt((density * (centres - mean) ** 2).sum())),
        **{f"D{p}": float(np.interp(p / 100, cumulative, centres)) for p in (10, 50, 90)},
    }
    return Video(float(f"{per_ml:.2e}"), validity, density * per_ml, sizes, int(rng.integers(1_200, 4_800)))


def summary_csv(summary: Summary, hospital: Hospital) -> bytes:
    """The experiment summary as the instrument writes it, or as a spreadsheet re-saves it (padded, no exponents)."""
    rows = [*_head(summary, hospital), *_results(summary), *_warnings(summary), *_sizes(summary)]
    width = N_VIDEOS + 3
    if summary.is_resaved:
        rows = [row + [""] * (width - len(row)) for row in rows]
    else:
        rows = [[*row, ""] if row else ["", ""] for row in rows]
    text = "\r\n".join(",".join(row) for row in rows) + "\r\n"
    return text.encode("iso-8859-1")


def _names(summary: Summary) -> list[str]:
    return [f"{summary.stem}_{i:02d}" for i in range(len(summary.videos))]


def _each(summary: Summary, label: str, value: str) -> list[str]:
    return [label, *[value] * len(summary.videos)]


def _head(summary: Summary, hospital: Hospital) -> list[list[str]]:
    software = "NTA 3.4 Build 3.4.003"
    return [
        ["NTA Experiment Summary File"],
        [f"Created with {software}"],
        [],
        ["[Experiment Details]"],
        ["Software Version", software],
        ["Experiment Name", f"{summary.stem}.nano"],
        ["Operator Name", "nta"],
        ["Time Captured", f"{summary.captured:%H:%M:%S}  {hospital.instrument_date(summary.captured)}"],
        ["Sample Description", summary.sample_id],
        ["Pre-treatment", "SEC"],
        ["Diluent", "PBS 0.1 µm"],
        ["Remarks", ""],
        [],
        [],
        ["Filename:", *_names(summary)],
        _each(summary, "Processed", "Yes"),
        [],
        ["[Conditions]"],
        _each(summary, "Temperature/C", "22.000"),
        _each(summary, "Viscosity/cP", "0.952941"),
        _each(summary, "Camera Type", "sCMOS"),
        _each(summary, "Laser Type", "Blue488"),
        _each(summary, "Camera Level", "13"),
        _each(summary, "Frame rate/fps", "24.982500"),
        _each(summary, "Syringe Pump Speed/AU", "50"),
        [],
        ["[Settings]"],
        _each(summary, "Detection Threshold", "5"),
        _each(summary, "Max Jump Mode", "Auto"),
        _each(summary, "Blur", "Auto"),
        _each(summary, "Min Track Length", "Auto"),
        _each(summary, "First frame", "0"),
        _each(summary, "Total frames analysed", "749"),
        [],
        ["[Exclusion Regions]"],
        ["No Exclusion Regions Used"],
        [],
    ]


def _results(summary: Summary) -> list[list[str]]:
    def scientific(value: float) -> str:
        return f"{value:.0f}" if summary.is_resaved else f"{value:.2e}"

    values = [v.concentration_per_ml for v in summary.videos]
    mean, error = _mean_error(values)
    factor = scientific(summary.dilution) if summary.is_dilution_applied else "Not recorded"
    return [
        ["[Results]", *[""] * len(summary.videos), "Average", "Standard Error"],
        _each(summary, "Dilution factor (concentrations adjusted for this factor)", factor),
        ["Concentration (Particles / ml)", *map(scientific, values), scientific(mean), scientific(error)],
        _each(summary, "Concentration Upgrade?", "Yes"),
        ["Completed tracks", *(str(2 * v.tracks) for v in summary.videos)],
        [],
    ]


def _warnings(summary: Summary) -> list[list[str]]:
    return [
        ["[Concentration Warnings]"],
        ["Validity of concentration measurement", *(v.validity for v in summary.videos)],
        ["Completed Tracks", *("OK" if v.tracks else "Too low" for v in summary.videos)],
        _each(summary, "Noise level", "No"),
        [],
        ["[Information]"],
        _each(summary, "Video length", "OK"),
        ["Vibration detected", *("Minor vibration" if v.validity == "Unreliable" else "No" for v in summary.videos)],
        _each(summary, "Vibration correction applied", "No"),
        _each(summary, "Settings changed?", "No"),
        ["Errors (1)"],
        ["Errors (2)"],
        [],
        ["[Data Included]"],
        ["Size distribution - Number weighting - With Percentiles"],
        [],
    ]


def _sizes(summary: Summary) -> list[list[str]]:
    rows = [
        ["[Size Data]"],
        ["Analysis Method", "FTLA"],
        ["Weighting", "Number"],
        ["Filename", *_names(summary), "Average", "Standard Error"],
    ]
    for name in ("Mean", "Mode", "SD", "D10", "D50", "D90"):
        mean, error = _mean_error([v.sizes[name] for v in summary.videos if v.sizes])
        values = [f"{v.sizes[name]:.1f}" if v.sizes else "No Data" for v in summary.videos]
        rows.append([name, *values, f"{mean:.1f}", f"{error:.1f}"])
    rows += [
        ["Valid Tracks", *(f"{v.tracks}.0" for v in summary.videos)],
        ["Graph Data"],
        [
            "Bin centre (nm)",
            *["Concentration (particles / ml)"] * len(summary.videos),
            "Concentration average",
            "Standard Error",
        ],
        *_bins(summary),
        [],
        ["Percentile", *["Size (nm)"] * len(summary.videos)],
        *_percentiles(summary),
    ]
    return rows


def _bins(summary: Summary) -> list[list[str]]:
    counts = np.rint(np.stack([v.bins for v in summary.videos]))
    means = np.rint(counts.mean(axis=0))
    errors = np.rint(counts.std(axis=0, ddof=1) / len(summary.videos) ** 0.5)
    table = np.vstack([counts, means, errors]).T.astype(np.int64).tolist()
    return [[f"{i}.5", *map(str, row)] for i, row in enumerate(table)]


def _percentiles(summary: Summary) -> list[list[str]]:
    columns = []
    for video in summary.videos:
        total = video.bins.sum()
        if not total:
            columns.append(["0.0"] * 101)
            continue
        sizes = np.interp(np.arange(101) / 100, np.cumsum(video.bins) / total, np.arange(N_BINS) + 0.5)
        columns.append([f"{size:.1f}" for size in sizes])
    return [[str(p), *(column[p] for column in columns)] for p in range(101)]


def _mean_error(values: list[float]) -> tuple[float, float]:
    if len(values) < 2:
        return (values[0] if values else 0.0), 0.0
    return float(np.mean(values)), float(np.std(values, ddof=1) / len(values) ** 0.5)
