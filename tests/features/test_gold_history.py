"""The history of measurements: silver rows in, one element of the arrays for each measurement out."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.features.silver import build, day, specimen, table

pytestmark = pytest.mark.slow

Token = tuple[float, str, str, float]


def tokens(row: dict[str, Any]) -> list[Token]:
    """(day, modality, measure, value) of each measurement of a row, in its order."""
    arrays = (row["observed_at"], row["modalities"], row["measures"], row["values"])
    return [
        (round((_utc(at) - day(0)).total_seconds() / 86_400, 4), modality, measure, round(value, 4))
        for at, modality, measure, value in zip(*arrays, strict=True)
    ]


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def well(sample: str, well: str, **more: Any) -> dict[str, Any]:
    row = {"sample_id": sample, "plate_id": "plate", "well": well, "sample_type": "unknown", "analyte": "IL6",
           "operator": "=", "unit": "pg/mL", "platform": "luminex_xponent", "reporting_delay_days": 3.0}  # fmt: skip
    return {**row, "file_id": "plate", **more}


def assay(sample: str, value: float, **more: Any) -> dict[str, Any]:
    return well(sample, "A1", **{"value": value, "unit": "{NPX}", "platform": "olink_explore", **more})


def video(sample: str, replicate: str, concentration: float, **more: Any) -> dict[str, Any]:
    row = {"sample_id": sample, "measurement_id": "m", "replicate": replicate, "is_instrument_average": False,
           "validity": "valid", "concentration_per_ml": concentration, "is_dilution_applied": False,
           "dilution_factor": 2.0, "reporting_delay_days": 1.0}  # fmt: skip
    return {**row, "file_id": "videos", **more}


def series(uid: str, event: float) -> dict[str, Any]:
    return {"patient_id": "p", "study_uid": "s", "series_uid": uid, "species": "human", "event_time": event,
            "known_time": event, "file_id": "index"}  # fmt: skip


def region(uid: str, region_uid: str, value: float, known: float, **more: Any) -> dict[str, Any]:
    row = {"patient_id": "p", "series_uid": uid, "region_uid": region_uid, "region": "lesion", "measure": "Volume",
           "value": value, "unit": "mm3", "known_time": known}  # fmt: skip
    return {**row, "file_id": "report", **more}


def test_each_modality_has_its_units_and_the_order_is_one(spark: Any) -> None:
    rows = build(
        spark,
        "measurement_history",
        specimen=table("specimen", specimen("blood", "p", 2), specimen("tumour", "p", 0)),
        cytokine_result=table(
            "cytokine_result",
            well("blood", "A1", value=6.0),
            well("blood", "A2", value=10.0),  # wells of a sample together: log2 of 8
            well("blood", "A1", analyte="TNF", value=None, operator="<", lloq=2**0.5),  # log2 of 1
            well("blood", "A1", analyte="CCL2", value=None, operator=">", uloq=32.0),
            well("blood", "A1", analyte="IL10", value=0.0),  # no logarithm
            well("blood", "A1", analyte="VEGFA", value=9.0, sample_type="control"),
            well("blood", "A1", analyte="ALB", value=9.0),
            assay("blood", 1.5),
            assay("blood", 7.0, platform="olink_target"),  # NPX of two platforms never meet
            assay("blood", 3.0, analyte="PDGFA"),  # of the panel only the analytes of the named features
        ),
        exosome_measurement=table(
            "exosome_measurement",
            video("blood", "1", 1.0, mode_nm=100.0, mean_nm=120.0, bin_centre_nm=[50.0, 200.0],
                  bin_concentration_per_ml=[3.0, 1.0]),
            video("blood", "2", 3.0, mode_nm=110.0),
            video("blood", "3", 99.0, validity="unreliable"),
        ),
        mutational_burden=table(
            "mutational_burden",
            *({"sample_id": "tumour", "definition": d, "tmb_per_mb": v, "reporting_delay_days": 1.0, "file_id": "maf"}
              for d, v in (("tmb.maftools/30Mb", 2.0), ("tmb.maftools/50Mb", 1.0), ("another", 9.0))),
        ),
        imaging_series=table("imaging_series", series("u", 2)),
        imaging_measurement=table(
            "imaging_measurement",
            region("u", "a", 4_000.0, 5),
            region("u", "b", 1_000.0, 5),
            region("u", "a", 0.25, 5, measure="original_firstorder_Mean", unit=None, algorithm="pyradiomics 3"),
            region("u", "b", 0.75, 5, measure="original_firstorder_Mean", unit=None, algorithm="pyradiomics 3"),
        ),
    )  # fmt: skip
    assert tokens(rows[-1]) == [
        (0, "burden", "tmb_maftools_per_mb", 1.0),
        (2, "cytokines", "CCL2", 5.0),
        (2, "cytokines", "IL6", 3.0),
        (2, "cytokines", "TNF", 0.0),
        (2, "exosomes", "log2_concentration_per_ml", 2.0),
        (2, "exosomes", "mean_nm", 120.0),
        (2, "exosomes", "mode_nm", 105.0),
        (2, "exosomes", "share_30_150nm", 0.75),
        (2, "imaging", "lesion: Volume [mm3]", 5_000.0),
        (2, "imaging", "lesion: original_firstorder_Mean by pyradiomics 3", 0.5),
        (2, "proteomics", "IL6", 1.5),
    ]
    assert rows[-1]["file_ids"] == ["index", "maf", "plate", "report", "specimens", "videos"]


def test_late_reports_corrections_and_orphans(spark: Any) -> None:
    rows = build(
        spark,
        "measurement_history",
        # The second sample's row comes on day 30, long after its result; on day 40 it turns out to be another's.
        specimen=table(
            "specimen",
            specimen("first", "p", 2),
            specimen("orphan", "p", 10, known=30),
            specimen("orphan", "q", 10, known=40, file_id="exchange"),
        ),
        cytokine_result=table(
            "cytokine_result",
            well("first", "A1", value=4.0, known_time=5),
            well("first", "A1", value=16.0, known_time=20, file_id="corrected"),
            well("orphan", "A1", value=64.0, known_time=12),
            well("first", "A1", value=16.0, known_time=50, sample_type="control", file_id="taken back"),
        ),
    )
    told = [(r["patient_id"], r["known_time"], r["event_time"], tokens(r), r["file_ids"]) for r in rows]
    first, orphan = (2.0, "cytokines", "IL6"), (10.0, "cytokines", "IL6", 6.0)
    assert told == [
        ("p", 5, 2, [(*first, 2.0)], ["plate", "specimens"]),
        ("p", 20, 2, [(*first, 4.0)], ["corrected", "specimens"]),
        ("p", 30, 10, [(*first, 4.0), orphan], ["corrected", "plate", "specimens"]),
        ("p", 40, 10, [(*first, 4.0)], ["corrected", "specimens"]),
        ("p", 50, 10, [], []),
        ("q", 40, 10, [orphan], ["exchange", "plate"]),
    ]
