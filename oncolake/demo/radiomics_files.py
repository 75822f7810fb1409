"""Measures of tumour regions as pyradiomics exports them: a table a hospital and kind of image.

A row is a region of a series, a column a feature. Shapes and intensities come from the images on which a region was
drawn (enhancing tumour and necrosis after gadolinium, oedema on FLAIR); diffusion and perfusion are maps of their own,
which the name of the region says. All hospitals measure with the settings of the trial's protocol, so that measures
compare; the intensities of T1 and FLAIR are in the scanner's own units all the same, as MRI has no common ones.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from oncolake.demo import truth
from oncolake.demo.defects import Defect, Files, defect
from oncolake.demo.hospitals import Hospital
from oncolake.demo.imaging_files import Series, scanned, uid_of
from oncolake.demo.study import Patient, rng_of

VERSION = "v3.1.0"
ENHANCING, NECROSIS, OEDEMA = "enhancing tumour", "necrosis", "oedema"
ON_ADC, ON_RCBV = f"{ENHANCING}, ADC", f"{ENHANCING}, rCBV"
SHARE_WITH_NECROSIS = 0.85
DRIFT = 0.4
"""SD of what changes in a measure from one scan to the next without any reason, in SD of the measure."""


@dataclass(frozen=True)
class Measure:
    """A feature of a region: mean and SD over patients at baseline, in log2 where is_log2.

    follows: the measure of the same region that it goes along with, by `FOLLOWS`. is_scanner_dependent: its mean
    differs between hospitals.
    """

    feature: str
    mean: float
    sd: float
    is_log2: bool = False
    follows: str | None = None
    is_scanner_dependent: bool = False


@dataclass(frozen=True)
class Table:
    """The export for one kind of image: its file, the sequence measured, the regions drawn on it, its settings."""

    file_name: str
    sequence: str
    regions: dict[str, tuple[Measure, ...]]
    bin_width: float


FOLLOWS = 0.8
"""Correlation of a percentile with its mean."""


def _drawn(volume_log2: float, intensity: float, entropy: float, contrast: float) -> tuple[Measure, ...]:
    return (
        Measure("original_shape_MeshVolume", volume_log2, 0.9, is_log2=True),
        Measure("original_shape_Sphericity", 0.56, 0.07),
        Measure("original_firstorder_Mean", intensity, intensity / 6, is_scanner_dependent=True),
        Measure("original_firstorder_Entropy", entropy, 0.35),
        Measure("original_glcm_Contrast", contrast, contrast / 5),
    )


MEASURES = (
    Table(
        "t1gd_features.csv",
        "T1GD",
        {ENHANCING: _drawn(13.8, 640.0, 3.9, 24.0), NECROSIS: _drawn(11.6, 310.0, 3.1, 14.0)},
        25.0,
    ),
    Table("flair_features.csv", "FLAIR", {OEDEMA: _drawn(15.4, 520.0, 3.4, 17.0)}, 25.0),
    Table(
        "adc_features.csv",
        "DWI",
        {
            ON_ADC: (
                Measure("original_firstorder_Mean", 1180.0, 140.0),
                Measure("original_firstorder_10Percentile", 890.0, 120.0, follows="original_firstorder_Mean"),
            )
        },
        50.0,
    ),
    Table(
        "rcbv_features.csv",
        "DSC",
        {
            ON_RCBV: (
                Measure("original_firstorder_Mean", 2.9, 0.6),
                Measure("original_firstorder_90Percentile", 4.6, 0.9, follows="original_firstorder_Mean"),
            )
        },
        0.1,
    ),
)
"""Volumes in mm3, ADC in 1e-6 mm2/s, rCBV relative to normal white matter."""


def radiomics_tables(patients: Sequence[Patient], hospital: Hospital, seed: int) -> dict[str, bytes]:
    """The hospital's exports by file name; a table without rows is not written."""
    rows: dict[str, list[list[str]]] = {table.file_name: [] for table in MEASURES}
    for patient in patients:
        if patient.hospital is hospital:
            measured = _Measured(patient, seed)
            for series in scanned(patient, seed):
                for table in MEASURES:
                    if table.sequence == series.sequence:
                        rows[table.file_name] += measured.rows(table, series)
    return {t.file_name: _csv(t, rows[t.file_name], hospital) for t in MEASURES if rows[t.file_name]}


class _Measured:
    """What pyradiomics finds in the scans of one patient."""

    def __init__(self, patient: Patient, seed: int) -> None:
        rng = rng_of(seed, "radiomics", patient.index)
        scanner = rng_of(seed, "scanner", *patient.hospital.site_id.encode())
        self._patient, self._seed = patient, seed
        self.has_necrosis = bool(rng.random() < SHARE_WITH_NECROSIS)
        self._own: dict[str, float] = {}
        self._offset: dict[str, float] = {}
        for table in MEASURES:
            for region, measures in table.regions.items():
                for m in measures:
                    name = f"{region}: {m.feature}"
                    own, offset = float(rng.standard_normal()), float(scanner.standard_normal())
                    shift = truth.MGMT_ON_IMAGING.get(name, 0.0)
                    own += shift * (patient.latent.is_mgmt_methylated - truth.MGMT_SHARE)
                    if m.follows:
                        own = FOLLOWS * self._own[f"{region}: {m.follows}"] + (1 - FOLLOWS**2) ** 0.5 * own
                    self._own[name] = own
                    self._offset[name] = offset if m.is_scanner_dependent else 0.0

    def rows(self, table: Table, series: Series) -> list[list[str]]:
        """A row for each region of a series."""
        patient, seed = self._patient, self._seed
        uid = str(uid_of(patient, seed, series.study, series.number))
        folder = f"/data/gbm/{patient.patient_id}/ST{series.study:02d}"
        made = []
        for region, measures in table.regions.items():
            if region == NECROSIS and not self.has_necrosis:
                continue
            rng = rng_of(seed, "region", patient.index, series.study, *region.encode())
            mask = f"{folder}/{region.split(',')[0].replace(' ', '_')}.nii.gz"
            values = [f"{self._value(region, m, series.timepoint, rng):.6g}" for m in measures]
            image = f"{folder}/{table.file_name.split('_')[0]}.nii.gz"
            made.append(
                [patient.patient_id, uid, region, image, mask, VERSION, _settings(table), _IMAGE_TYPES, *values]
            )
        return made

    def _value(self, region: str, m: Measure, timepoint: str, rng: np.random.Generator) -> float:
        name = f"{region}: {m.feature}"
        z = self._own[name] + self._offset[name] + truth.NOISE_IMAGING * float(rng.standard_normal())
        drift = DRIFT * float(rng.standard_normal())
        value = m.mean + m.sd * z
        if timepoint != "baseline":
            value += self._change(region, m, timepoint, drift)
        return float(2.0**value) if m.is_log2 else max(value, m.mean / 10)

    def _change(self, region: str, m: Measure, timepoint: str, drift: float) -> float:
        """Since baseline, in the measure's unit (log2 of it for volumes)."""
        latent = self._patient.latent
        if region == ON_RCBV:
            mean, sd = truth.RCBV_CHANGE
            return m.mean / MEASURES[3].regions[ON_RCBV][0].mean * (mean + sd * latent.rcbv_change_z)
        if region == ON_ADC:
            mean, sd = truth.ADC_CHANGE
            return mean + sd * latent.adc_change_z
        if m.is_log2:
            return self._growth(timepoint) * (0.5 if region == OEDEMA else 1.0) + 0.3 * drift
        return m.sd * drift

    def _growth(self, timepoint: str) -> float:
        patient = self._patient
        if patient.suspicion is not None:
            kind = "true_progression" if patient.suspicion.is_progression else "pseudoprogression"
        else:
            kind = "response" if patient.is_responder else "other"
        return truth.GROWTH_LOG2[kind][0 if timepoint == "week 8" else 1]


_HEADER = (
    "PatientID",
    "SeriesInstanceUID",
    "Region",
    "Image",
    "Mask",
    "diagnostics_Versions_PyRadiomics",
    "diagnostics_Configuration_Settings",
    "diagnostics_Configuration_EnabledImageTypes",
)
_IMAGE_TYPES = "{'Original': {}}"


def _settings(table: Table) -> str:
    return (
        "{'minimumROIDimensions': 2, 'minimumROISize': None, "
        "'normalize': False, 'normalizeScale': 1, 'resampledPixelSpacing': [1, 1, 1], "
        f"'interpolator': 'sitkBSpline', 'binWidth': {table.bin_width:g}, 'label': 1}}"
    )


def _csv(table: Table, rows: list[list[str]], hospital: Hospital) -> bytes:
    """pyradiomics writes commas and points wherever it runs; boston saves its tables with pandas, index and all."""
    features = [m.feature for m in next(iter(table.regions.values()))]
    has_index = hospital.site_id == "boston"
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*([""] if has_index else []), *_HEADER, *features])
    writer.writerows([str(i), *row] if has_index else row for i, row in enumerate(rows))
    return out.getvalue().encode()


def unreadable_measure(files: Files, path: str) -> Defect:
    """A cell that a spreadsheet could not work out, in the last row of a table."""
    lines = files[path].decode().rstrip("\n").split("\n")
    lines[-1] = lines[-1].rpartition(",")[0] + ",#VALUE!"
    files[path] = ("\n".join(lines) + "\n").encode()
    return defect(
        path, "unreadable_measure", "A measure that a spreadsheet left as #VALUE!.", quarantined=1, reason="value"
    )
