"""pyradiomics tables: what is recognised, what a row becomes, what is refused."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile
from ingestion.sources.imaging.radiomics import IBSI_SHAPE, RADIOMICS

SETTINGS = "{'minimumROIDimensions': 2, 'label': 2, 'binWidth': 25, 'interpolator': 'sitkBSpline'}"
ROW: dict[str, str] = {
    "Image": "/data/Durand/t1.nii.gz", "Mask": "/data/Durand/seg.nii.gz", "PatientID": "HOSP-0042",
    "SeriesInstanceUID": "1.2.3.4.5.6", "StudyDate": "20240328",
    "diagnostics_Versions_PyRadiomics": "v3.0.1", "diagnostics_Configuration_Settings": SETTINGS,
    "diagnostics_Image-original_Hash": "9f86d081", "diagnostics_Image-original_Spacing": "(1.0, 1.0, 1.0)",
    "original_shape_MeshVolume": "8200.25", "original_shape_Elongation": "0", "original_firstorder_Mean": "-1.5e2",
    "log-sigma-3-0-mm-3D_firstorder_Skewness": "nan", "wavelet-LLH_glcm_Idm": "",
}  # fmt: skip
FEATURES = 5


def radiomics_csv(*changes: Mapping[str, str], without: Sequence[str] = (), separator: str = ",") -> str:
    """A table of pyradiomics: a row for each of `changes` to ROW."""
    out = io.StringIO()
    writer = csv.DictWriter(out, [c for c in ROW if c not in without], extrasaction="ignore", delimiter=separator)
    writer.writeheader()
    writer.writerows({**ROW, **change} for change in changes or ({},))
    return out.getvalue()


def read(text: str | bytes, site: Site | None = None) -> list[dict[str, Any]]:
    content = text if isinstance(text, bytes) else text.encode()
    file = RawFile("features.csv", content)
    return [r for b in RADIOMICS.read(file, site or Site(site_id="nice")) for r in b.to_pylist()]


def by_measure(text: str) -> dict[str, dict[str, Any]]:
    return {r["measure"]: r for r in read(text)}


def test_a_feature_is_a_record() -> None:
    volume, *_ = read(radiomics_csv())
    algorithm = volume.pop("algorithm")
    assert algorithm.startswith("pyradiomics v3.0.1 settings ")
    assert volume == {
        "file_row": 0, "problem": None, "patient_id": "HOSP-0042", "series_uid": "1.2.3.4.5.6",
        "region_uid": "nice /data/Durand/seg.nii.gz 2", "region": "label 2",
        "measure": "original_shape_MeshVolume", "measure_code": "IBSI:RNU0", "value": "8200.25", "unit": "mm3",
        "qualifier": None,
        "observed_time": datetime(2024, 3, 28, tzinfo=UTC), "available_time": datetime(2024, 3, 29, tzinfo=UTC),
    }  # fmt: skip


def test_zero_nan_and_nothing_are_three_things() -> None:
    shown = {
        m: (r["value"], r["qualifier"], r["unit"], r["measure_code"]) for m, r in by_measure(radiomics_csv()).items()
    }
    assert shown == {
        "original_shape_MeshVolume": ("8200.25", None, "mm3", "IBSI:RNU0"),
        "original_shape_Elongation": ("0", None, "1", "IBSI:Q3CK"),
        "original_firstorder_Mean": ("-1.5e2", None, None, None),
        "log-sigma-3-0-mm-3D_firstorder_Skewness": (None, "NaN", "1", None),
        "wavelet-LLH_glcm_Idm": (None, None, "1", None),
    }


def test_other_settings_are_another_algorithm_and_file_rows_count_along_the_rows() -> None:
    records = read(radiomics_csv({}, {"diagnostics_Configuration_Settings": SETTINGS.replace("25", "10")}))
    assert sorted(r["file_row"] for r in records) == list(range(2 * FEATURES))
    assert {r["file_row"] // FEATURES: r["algorithm"] for r in records}[0] != records[1]["algorithm"]
    assert len({r["algorithm"] for r in records}) == 2


def test_codes_are_those_that_dicom_lists_for_the_same_features() -> None:
    from pydicom.sr.codedict import codes

    listed = {
        "VolumeOfMesh": "MeshVolume", "VolumeFromVoxelSummation": "VoxelVolume", "SurfaceAreaOfMesh": "SurfaceArea",
        "SurfaceToVolumeRatio": "SurfaceVolumeRatio", "Compactness1": "Compactness1", "Compactness2": "Compactness2",
        "SphericalDisproportion": "SphericalDisproportion", "Sphericity": "Sphericity",
        "Maximum3DDiameterOfAMesh": "Maximum3DDiameter", "MajorAxisIn3DLength": "MajorAxisLength",
        "MinorAxisIn3DLength": "MinorAxisLength", "LeastAxisIn3DLength": "LeastAxisLength",
        "Elongation": "Elongation", "Flatness": "Flatness",
    }  # fmt: skip
    assert {ours: getattr(codes.IBSI, theirs).value for theirs, ours in listed.items()} == IBSI_SHAPE


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_separators_and_encodings(separator: str, encoding: str) -> None:
    text = radiomics_csv(separator=separator)
    assert RADIOMICS.recognise(Probe.of("x", text.encode(encoding)))
    if separator == "\t":  # there, quotes are ordinary characters
        text = text.replace('"', "")
    assert len(read(text.encode(encoding))) == FEATURES


def test_an_index_column_of_pandas() -> None:
    head, row = radiomics_csv().splitlines()
    assert read(f",{head}\n0,{row}\n") == read(radiomics_csv())
    assert RADIOMICS.recognise(Probe.of("x", f",{head}\n0,{row}\n".encode()))


def test_a_path_stands_in_for_a_series_and_differs_by_site() -> None:
    text = radiomics_csv(without=("SeriesInstanceUID",))
    assert {r["series_uid"] for r in read(text)} == {"nice /data/Durand/t1.nii.gz"}
    assert {r["series_uid"] for r in read(text, Site(site_id="lyon"))} == {"lyon /data/Durand/t1.nii.gz"}


def test_without_a_date_there_is_no_time() -> None:
    assert {(r["observed_time"], r["available_time"]) for r in read(radiomics_csv(without=("StudyDate",)))} == {
        (None, None)
    }


@pytest.mark.parametrize(
    ("without", "reason"),
    [
        (["PatientID"], "no column PatientID"),
        (["SeriesInstanceUID", "Image"], "neither a column SeriesInstanceUID nor a column Image"),
        ([c for c in ROW if c.count("_") == 2 and not c.startswith("diagnostics")], "names no pyradiomics feature"),
    ],
)
def test_a_table_that_names_no_patient_or_series_is_refused(without: list[str], reason: str) -> None:
    with pytest.raises(FileError, match=reason):
        read(radiomics_csv(without=without))


def test_an_ambiguous_date_is_refused_and_a_bad_one_is_a_problem_of_its_row() -> None:
    with pytest.raises(FileError, match="two ways"):
        read(radiomics_csv({"StudyDate": "03/04/2024"}))
    good, bad = {}, {"StudyDate": "Durand"}
    records = read(radiomics_csv(good, bad))
    problems = {r["file_row"] // FEATURES: r["problem"] for r in records}
    assert problems[0] is None and "StudyDate is not" in problems[1] and "Durand" not in problems[1]


def test_a_row_without_a_series_and_a_ragged_row_do_not_spoil_their_neighbours() -> None:
    text = radiomics_csv({}, {"SeriesInstanceUID": "", "Image": ""}, {}) + "a,b\n"
    problems = {r["file_row"] // FEATURES: r["problem"] for r in read(text)}
    assert problems[0] is None and problems[2] is None
    assert "neither a series nor an image" in problems[1] and "cells" in problems[3]


def test_large_tables_come_in_batches() -> None:
    wide = {**ROW, **{f"wavelet-HHH_glcm_F{i}": "1.5" for i in range(1_000)}}
    text = ",".join(wide) + "\n" + (",".join(v.replace(",", "") for v in wide.values()) + "\n") * 200
    batches = list(RADIOMICS.read(RawFile("x", text.encode()), Site(site_id="nice")))
    assert sum(b.num_rows for b in batches) == 200 * 1_005 and max(b.num_rows for b in batches) <= 65_536


@settings(max_examples=2_000)
@given(
    flips=st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), max_size=12),
    end=st.integers(0, 2_500),
    drop=st.sets(st.sampled_from(sorted(ROW)), max_size=3),
    shuffle=st.randoms(use_true_random=False),
    is_shuffled=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-16", "cp1252", "utf-8-sig"]),
)
def test_damaged_tables_give_records_or_one_clear_refusal(
    flips: list[tuple[int, int]], end: int, drop: set[str], shuffle: Any, is_shuffled: bool, encoding: str
) -> None:
    lines = radiomics_csv({}, {"StudyDate": ""}, without=sorted(drop)).splitlines(keepends=True)
    if is_shuffled:
        shuffle.shuffle(lines)
    content = bytearray("".join(lines).encode(encoding))
    for position, byte in flips:
        content[position % len(content)] = byte
    damaged = bytes(content[:end])
    RADIOMICS.recognise(Probe.of("x", damaged))
    try:
        records = read(damaged)
    except FileError as refused:
        assert "HOSP-0042" not in str(refused) and "Durand" not in str(refused)
    else:
        rows = [r["file_row"] for r in records]
        assert sorted(rows) == list(range(len(rows)))
