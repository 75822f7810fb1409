"""Feature tables of pyradiomics (CSV): a row an image and mask, a column a feature; one raw record a feature of a row.

pyradiomics passes on the columns of the table that it was given, adds `diagnostics_*` about the extraction, and a
column for each feature, named <image type>_<class>_<feature> (original_shape_MeshVolume, wavelet-LLH_glcm_Idm).

- Who and what: column PatientID names the patient; SeriesInstanceUID names the series, or, where there is no such
  column, the image's path does: then the series is a stand-in that joins to no DICOM series. A patient is never read
  out of a path.
- Region: column Region (or ROI, Structure, Segment), else the label in the mask: column Label, else the label in the
  settings, else pyradiomics' default of 1. Mask and label together tell regions of a series apart.
- Algorithm: version and settings of pyradiomics. Features under other settings (bin width, resampling) are others, so
  that a digest of the settings is part of the name. Of the diagnostics nothing else is read.
- Units: those of IBSI (Zwanenburg et al., Radiology 2020;295:328) for shape, whose lengths are in mm; 1 where the
  feature has none. First-order features are in the unit of the image's intensities, which the table does not say.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import FileError
from infra.settings import Site
from ingestion.columnar import TextColumns, header_of, present, read_columns
from ingestion.dates import has_time_of_day, parse_times
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.imaging.raw import RADIOMICS_MEASURE

BATCH_ROWS = 65_536
MISSING = ("NA", "N/A", "NULL", "null", "None")
_CLASSES = "shape2D|shape|firstorder|glcm|glrlm|glszm|gldm|ngtdm"
_FEATURE = re.compile(rf"(?P<image>[A-Za-z][A-Za-z0-9.\-]*)_(?P<class>{_CLASSES})_(?P<name>[A-Za-z0-9]+)")
_VERSION = "diagnostics_Versions_PyRadiomics"
_SETTINGS = ("diagnostics_Configuration_Settings", "diagnostics_Configuration_EnabledImageTypes")
_DATES = ("AcquisitionDate", "SeriesDate", "StudyDate")
_NAN = ("nan", "NaN", "NAN", "-nan")
_UNNAMED = "row"

_SHAPE_UNITS = {
    "mm": (
        "Maximum3DDiameter", "Maximum2DDiameterSlice", "Maximum2DDiameterColumn", "Maximum2DDiameterRow",
        "MaximumDiameter", "MajorAxisLength", "MinorAxisLength", "LeastAxisLength", "Perimeter",
    ),
    "mm2": ("SurfaceArea", "MeshSurface", "PixelSurface"),
    "mm3": ("MeshVolume", "VoxelVolume", "Volume"),
    "/mm": ("SurfaceVolumeRatio", "PerimeterSurfaceRatio"),
    "1": (
        "Sphericity", "SphericalDisproportion", "Compactness1", "Compactness2", "Elongation", "Flatness",
    ),
}  # fmt: skip
_SHAPE_UNIT = {name: unit for unit, names in _SHAPE_UNITS.items() for name in names}
_UNITLESS_FIRST_ORDER = frozenset({"Skewness", "Kurtosis", "Entropy", "Uniformity"})
_TEXTURE = frozenset({"glcm", "glrlm", "glszm", "gldm", "ngtdm"})

IBSI_SHAPE = {
    "MeshVolume": "RNU0",
    "VoxelVolume": "YEKZ",
    "SurfaceArea": "C0JK",
    "SurfaceVolumeRatio": "2PR5",
    "Compactness1": "SKGS",
    "Compactness2": "BQWJ",
    "SphericalDisproportion": "KRCK",
    "Sphericity": "QCFX",
    "Maximum3DDiameter": "L0JK",
    "MajorAxisLength": "TDIC",
    "MinorAxisLength": "P9VJ",
    "LeastAxisLength": "7J51",
    "Elongation": "Q3CK",
    "Flatness": "N17B",
}
"""Shape features that pyradiomics documents as defined like IBSI's. Others depend on how intensities were binned, or
differ in their definition (kurtosis), and carry no code."""


def is_radiomics(probe: Probe) -> bool:
    """Text whose header names a pyradiomics feature. A header longer than the head may end in a cut name."""
    return any(_FEATURE.fullmatch(name) for name in header_of(probe.lines[:50]))


def read_radiomics(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """One raw record a feature of a row, in batches of about 65,536.

    `file_row` counts features along the rows, in the order of the header. Raises FileError where the text is no table,
    has no patient or neither series nor image, or dates whose order is open.
    """
    # pandas writes its index as a first column without a name.
    table = read_columns(re.sub(r'\A\s*(?:"")?(?=[,;\t|])', _UNNAMED, file.text))
    features = [name for name in table.columns if _FEATURE.fullmatch(name)]
    if not features:
        raise FileError("The header names no pyradiomics feature; expected names such as original_shape_MeshVolume.")
    cases = _cases(table, site)
    step = max(1, BATCH_ROWS // len(features))
    for start in range(0, table.n_rows, step):
        yield _records(table, features, cases.slice(start, step), start)


def _cases(table: TextColumns, site: Site) -> pa.Table:
    """What each row says of all its features, by raw column."""
    image = table.get("Image", missing=())
    series = table.get("SeriesInstanceUID", "series_uid", "SeriesUID", "series_instance_uid", missing=MISSING)
    if series is None and image is None:
        raise FileError("The header has neither a column SeriesInstanceUID nor a column Image.")
    stand_in = pa.nulls(table.n_rows, pa.string()) if image is None else _joined(site.site_id, image)
    mask = table.get("Mask", missing=())
    label = _labels(table)
    region = table.get("Region", "ROI", "Structure", "Segment", missing=MISSING)
    region = pc.coalesce(*([] if region is None else [region]), _joined("label", label))
    name = pc.coalesce(*([] if series is None else [series]), stand_in)
    # Which mask it was, within the site; without a mask the series and the region's name must do.
    outline = pc.coalesce(*([] if mask is None else [mask]), _joined("of", name, region))
    observed, available, unreadable = _times(table, site)
    unnamed = [None if n else "the row names neither a series nor an image" for n in name.to_pylist()]
    reasons = zip(table.problems.to_pylist(), unnamed, unreadable.to_pylist(), strict=True)
    return pa.table(
        {
            "problem": pa.array(["; ".join(r for r in row if r) or None for row in reasons], pa.string()),
            "patient_id": table.need("PatientID", "patient_id", "Patient ID", missing=MISSING),
            "series_uid": name,
            "region_uid": _joined(site.site_id, outline, label),
            "region": region,
            "algorithm": _algorithms(table),
            "observed_time": observed,
            "available_time": available,
        }
    )


def _joined(*parts: "pa.Array | str") -> pa.Array:
    """Texts row by row with a space between; null where one of them is."""
    return pc.binary_join_element_wise(*parts, " ", null_handling="emit_null")


def _labels(table: TextColumns) -> pa.Array:
    """The number of the region in its mask, as text."""
    stated = table.get("Label", missing=MISSING)
    settings = table.get(_SETTINGS[0], missing=())
    found = [] if stated is None else [pc.replace_substring_regex(stated, r"^(\d+)\.0*$", r"\1")]
    if settings is not None:
        number = pc.extract_regex(settings, r"""['"]label['"]:\s*(?P<label>\d+)""")
        found.append(pc.struct_field(number, "label"))
    return pc.coalesce(*found, pa.array(["1"] * table.n_rows, pa.string()))


def _algorithms(table: TextColumns) -> pa.Array:
    version = table.get(_VERSION, missing=MISSING)
    columns = [table.get(name, missing=()) for name in _SETTINGS]
    rows = zip(*(c.to_pylist() for c in (version, *columns) if c is not None), strict=True)
    if version is None:
        return pa.array([_named(None, *r) for r in rows] or ["pyradiomics"] * table.n_rows, pa.string())
    return pa.array([_named(*r) for r in rows], pa.string())


def _named(version: str | None, *settings: str | None) -> str:
    stated = [s for s in settings if s]
    digest = hashlib.sha256("\n".join(stated).encode()).hexdigest()[:12] if stated else None
    return " ".join(part for part in ("pyradiomics", version, digest and f"settings {digest}") if part)


def _times(table: TextColumns, site: Site) -> tuple[pa.Array, pa.Array, pa.Array]:
    """(when the patient was observed, when that was over, problems); null where the table has no date.

    A bare date is known at the end of its day, which a day of 24 hours stands for.
    """
    column = next((name for name in _DATES if table.name_of(name)), None)
    text = None if column is None else table.get(column, missing=MISSING)
    if column is None or text is None:
        none = pa.nulls(table.n_rows, pa.timestamp("us", tz="UTC"))
        return none, none, pa.nulls(table.n_rows, pa.string())
    observed, problems = parse_times(text, site, column)
    ends = [
        None if moment is None else moment if has_time_of_day(said) else moment + timedelta(days=1)
        for moment, said in zip(observed.to_pylist(), text.to_pylist(), strict=True)
    ]
    return observed, pa.array(ends, observed.type), pa.array(problems, pa.string())


def _records(table: TextColumns, features: list[str], cases: pa.Table, start: int) -> pa.RecordBatch:
    n_cases, n_features = cases.num_rows, len(features)
    case = np.tile(np.arange(n_cases), n_features)
    feature = np.repeat(np.arange(n_features), n_cases)
    texts = pc.utf8_trim_whitespace(pa.concat_arrays([table.columns[f].slice(start, n_cases) for f in features]))
    is_nan = pc.is_in(texts, pa.array(_NAN))
    described = [_described(f) for f in features]
    of_feature = {
        "measure": pa.array(features),
        "measure_code": pa.array([code for code, _ in described], pa.string()),
        "unit": pa.array([unit for _, unit in described], pa.string()),
    }
    return RADIOMICS_MEASURE.batch(
        file_row=pa.array((start + case) * n_features + feature),
        value=present(pc.if_else(is_nan, None, texts), MISSING),
        qualifier=pc.if_else(is_nan, "NaN", None),
        **{name: column.take(pa.array(feature)) for name, column in of_feature.items()},
        **{name: cases[name].combine_chunks().take(pa.array(case)) for name in cases.column_names},
    )


def _described(feature: str) -> tuple[str | None, str | None]:
    """(code, unit) of a feature."""
    match = _FEATURE.fullmatch(feature)
    assert match is not None
    image, kind, name = match["image"], match["class"], match["name"]
    if kind in ("shape", "shape2D"):
        code = IBSI_SHAPE.get(name) if kind == "shape" and image == "original" else None
        return code and f"IBSI:{code}", _SHAPE_UNIT.get(name)
    return None, "1" if kind in _TEXTURE or name in _UNITLESS_FIRST_ORDER else None


RADIOMICS = Format(
    name="pyradiomics_csv",
    looked_for="text whose header names features such as original_shape_MeshVolume",
    recognise=is_radiomics,
    read=read_radiomics,
    raw=RADIOMICS_MEASURE,
)
