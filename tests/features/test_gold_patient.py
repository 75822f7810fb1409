"""Patient-level gold tables: silver rows in, the snapshots that they make out."""

from typing import Any

import pytest

from tests.features.silver import build, fraction, pick, specimen, table

pytestmark = pytest.mark.slow


def cytokine(sample: str, value: float | None, known: float | None = None, **more: Any) -> dict[str, Any]:
    return {
        "sample_id": sample,
        "plate_id": "plate",
        "well": "A1",
        "sample_type": "unknown",
        "analyte": "IL6",
        "value": value,
        "operator": "=",
        "lloq": 1.0,
        "uloq": 1000.0,
        "unit": "pg/mL",
        "platform": "luminex_xponent",
        "known_time": known,
        "reporting_delay_days": 14.0,
        "file_id": "plate-1",
        **more,
    }


def test_a_snapshot_at_each_change_of_the_clinical_facts(spark: Any) -> None:
    rows = build(
        spark,
        "clinical_profile",
        patient=table(
            "patient", {"patient_id": "p", "sex": "female", "birth_year": 1966, "event_time": 0, "known_time": 0}
        ),
        treatment=table("treatment", fraction("p", 10), fraction("p", 11)),
        biomarker=table(
            "biomarker",
            {"patient_id": "p", "marker": "KPS", "value": 90.0, "event_time": 1, "known_time": 1},
            {"patient_id": "p", "marker": "KPS", "value": 70.0, "event_time": 9, "known_time": 9},
            {
                "patient_id": "p",
                "marker": "MGMT",
                "value": 31.0,
                "unit": "%",
                "call": "methylated",
                "event_time": 2,
                "known_time": 20,
                "file_id": "mgmt",
            },
            {
                "patient_id": "p",
                "marker": "PD-L1",
                "value": 40.0,
                "unit": "%",
                "method": "SP263 TPS",
                "event_time": 2,
                "known_time": 2,
            },
            {
                "patient_id": "p",
                "marker": "PD-L1",
                "value": 55.0,
                "unit": "%",
                "method": "22C3 CPS",
                "event_time": 3,
                "known_time": 3,
            },
        ),
    )
    assert pick(
        rows,
        "known_time",
        "event_time",
        "karnofsky",
        "mgmt_percent",
        "is_mgmt_methylated",
        "pdl1_tps_percent",
        "n_fractions_given",
        "radiotherapy_dose_gy",
    ) == [
        (0, 0, None, None, None, None, 0, None),
        (1, 1, 90.0, None, None, None, 0, None),
        (2, 2, 90.0, None, None, 40.0, 0, None),
        (3, 3, 90.0, None, None, 40.0, 0, None),
        (9, 9, 70.0, None, None, 40.0, 0, None),
        (10, 10, 70.0, None, None, 40.0, 1, 3.5),
        (11, 11, 70.0, None, None, 40.0, 2, 7.0),
        (20, 11, 70.0, 31.0, True, 40.0, 2, 7.0),  # drawn on day 2, reported on day 20
    ]
    assert {(r["is_female"], r["age_years"]) for r in rows} == {(True, 60.0)}
    assert rows[0]["file_ids"] == ["patient-file"]
    assert rows[-1]["file_ids"] == ["biomarker-file", "fractions", "mgmt", "patient-file"]


def test_a_correction_counts_from_when_it_was_known(spark: Any) -> None:
    first = {"patient_id": "p", "marker": "KPS", "value": 90.0, "event_time": 1, "known_time": 1, "file_id": "first"}
    rows = build(
        spark,
        "clinical_profile",
        biomarker=table(
            "biomarker",
            first,
            {**first, "value": 60.0, "known_time": 8, "file_id": "correction"},
        ),
    )
    assert pick(rows, "known_time", "karnofsky", "file_ids") == [(1, 90.0, ["first"]), (8, 60.0, ["correction"])]


def test_kinetics_against_the_first_fraction(spark: Any) -> None:
    rows = build(
        spark,
        "cytokine_kinetics",
        treatment=table("treatment", fraction("p", 10), fraction("p", 11)),
        specimen=table(
            "specimen",
            specimen("s1", "p", 2),
            specimen("s2", "p", 10),
            specimen("s3", "p", 20),
            specimen("s4", "p", 30),
        ),
        cytokine_result=table(
            "cytokine_result",
            cytokine("s1", 100.0),
            cytokine("s2", 4.0),
            cytokine("s2", 12.0, well="A2"),
            cytokine("s3", 32.0),
            cytokine("s4", None, operator="<"),
            cytokine("s4", 500.0, sample_type="control", well="A3"),
            cytokine("s4", 2.0, platform="olink_target", unit="{NPX}", well="A4"),
            cytokine("nobody", 9.0),
        ),
    )
    # Reports follow the blood by 14 days; s2, on the day of the first fraction, is the baseline: (4 + 12) / 2.
    assert pick(
        rows,
        "known_time",
        "event_time",
        "il6_baseline_pg_per_ml",
        "il6_last_pg_per_ml",
        "il6_log2_change",
        "il6_change_pg_per_ml",
        "il6_auc_pg_d_per_ml",
        "il6_peak_pg_per_ml",
        "il6_days_to_peak_d",
        "il6_share_censored",
        "il6_n_samples",
    ) == [
        (10, 10, None, None, None, None, None, None, None, None, None),
        (16, 10, 100.0, 100.0, None, None, None, 100.0, 0.0, 0.0, 1),
        (24, 10, 8.0, 8.0, None, None, None, 8.0, 0.0, 0.0, 2),
        (34, 20, 8.0, 32.0, 2.0, 24.0, 200.0, 32.0, 10.0, 0.0, 3),
        (
            44,
            30,
            8.0,
            round(1 / 2**0.5, 4),
            -3.5,
            round(1 / 2**0.5 - 8, 4),
            round(200 + 10 * (32 + 1 / 2**0.5) / 2, 4),
            32.0,
            10.0,
            0.25,
            4,
        ),
    ]
    # log2: 3, 5, -0.5 on days 0, 10, 20: the slope is (-0.5 - 3) / 20.
    assert pick(rows[3:], "il6_log2_slope_per_d") == [(0.2,), (-0.175,)]
    assert rows[-1]["file_ids"] == ["fractions", "plate-1", "specimens"]
    assert rows[0]["file_ids"] == ["fractions"]


def test_before_any_fraction_is_known_every_sample_is_a_baseline(spark: Any) -> None:
    rows = build(
        spark,
        "cytokine_kinetics",
        treatment=table("treatment", fraction("p", 10, known=40)),
        specimen=table("specimen", specimen("s1", "p", 2), specimen("s2", "p", 20)),
        cytokine_result=table("cytokine_result", cytokine("s1", 4.0, known=5), cytokine("s2", 16.0, known=25)),
    )
    assert pick(rows, "known_time", "il6_baseline_pg_per_ml", "il6_log2_change") == [
        (5, 4.0, None),
        (25, 16.0, None),
        (40, 4.0, 2.0),
    ]


def test_a_specimen_that_comes_late_or_moves_takes_its_results_along(spark: Any) -> None:
    rows = build(
        spark,
        "cytokine_kinetics",
        specimen=table(
            "specimen",
            specimen("s", "p", 2, known=30),
            specimen("s", "q", 2, known=50),
        ),
        cytokine_result=table("cytokine_result", cytokine("s", 4.0, known=5)),
    )
    assert pick(rows, "patient_id", "known_time", "event_time", "il6_last_pg_per_ml", "file_ids") == [
        ("p", 30, 2, 4.0, ["plate-1", "specimens"]),
        ("p", 50, 2, None, []),  # the sample was another patient's: p has none any more
        ("q", 50, 2, 4.0, ["plate-1", "specimens"]),
    ]


def test_a_result_that_turns_out_to_be_a_control_is_withdrawn(spark: Any) -> None:
    rows = build(
        spark,
        "cytokine_kinetics",
        specimen=table("specimen", specimen("s", "p", 2)),
        cytokine_result=table(
            "cytokine_result", cytokine("s", 4.0, known=5), cytokine("s", 4.0, known=9, sample_type="control")
        ),
    )
    assert pick(rows, "known_time", "il6_last_pg_per_ml", "il6_n_samples")[0] == (5, 4.0, 1)
    assert [r["il6_last_pg_per_ml"] for r in rows[1:]] == [None] * len(rows[1:])
    assert len(rows) == 2


def test_samples_of_another_site_never_join(spark: Any) -> None:
    rows = build(
        spark,
        "cytokine_kinetics",
        specimen=table("specimen", specimen("s", "p", 2, site_id="other")),
        cytokine_result=table("cytokine_result", cytokine("s", 4.0)),
    )
    assert rows == []


def test_olink_panels_as_arrays_with_names(spark: Any) -> None:
    def npx(sample: str, analyte: str, value: float, **more: Any) -> dict[str, Any]:
        return cytokine(sample, value, analyte=analyte, unit="{NPX}", platform="olink_target", well=None, **more)

    rows = build(
        spark,
        "olink_profile",
        treatment=table("treatment", fraction("p", 10)),
        specimen=table("specimen", specimen("s1", "p", 2), specimen("s2", "p", 20)),
        cytokine_result=table(
            "cytokine_result",
            npx("s1", "IL6", 1.5),
            npx("s1", "CCL2", -7.0),
            npx("s2", "IL6", 3.0),
            npx("s2", "IL6", 99.0, sample_type="control", plate_id="other"),
            cytokine("s2", 5.0),
        ),
    )
    assert pick(rows, "known_time", "analytes", "baseline_npx", "last_npx", "change_npx", "il6_change_npx") == [
        (10, [], [], [], [], None),
        (16, ["CCL2", "IL6"], [-7.0, 1.5], [-7.0, 1.5], [None, None], None),
        (34, ["CCL2", "IL6"], [-7.0, 1.5], [-7.0, 3.0], [None, 1.5], 1.5),
    ]


def test_exosomes_dilution_once_valid_videos_only(spark: Any) -> None:
    def video(sample: str, replicate: str, concentration: float, **more: Any) -> dict[str, Any]:
        return {
            "sample_id": sample,
            "measurement_id": "m",
            "replicate": replicate,
            "is_instrument_average": False,
            "concentration_per_ml": concentration,
            "mode_nm": 100.0,
            "mean_nm": 120.0,
            "d10_nm": 80.0,
            "d50_nm": 100.0,
            "d90_nm": 180.0,
            "validity": "valid",
            "dilution_factor": 100.0,
            "is_dilution_applied": False,
            "bin_centre_nm": [20.0, 30.0, 150.0, 151.0],
            "bin_concentration_per_ml": [1.0, 2.0, 3.0, 4.0],
            "reporting_delay_days": 7.0,
            "file_id": "nta",
            **more,
        }

    rows = build(
        spark,
        "exosome_summary",
        treatment=table("treatment", fraction("p", 10)),
        specimen=table("specimen", specimen("s1", "p", 5), specimen("s2", "p", 24), specimen("s3", "p", 40)),
        exosome_measurement=table(
            "exosome_measurement",
            video("s1", "1", 1e8),
            video("s1", "2", 3e8),
            video("s1", "3", 9e9, validity="unreliable"),
            video("s1", "average", 5e9, is_instrument_average=True),
            video("s2", "1", 8e10, is_dilution_applied=True, mode_nm=110.0),
            video("s3", "1", 8e10, dilution_factor=None),
        ),
    )
    assert pick(
        rows,
        "known_time",
        "concentration_per_ml",
        "baseline_concentration_per_ml",
        "cv_videos",
        "n_videos",
        "log2_concentration_change",
        "mode_change_nm",
        "share_30_150nm",
        "span",
        "n_samples",
    ) == [
        (10, None, None, None, None, None, None, None, None, 0),
        (12, 2e10, 2e10, 0.7071, 2, None, None, 0.5, 1.0, 1),
        (31, 8e10, 2e10, None, 1, 2.0, 10.0, 0.5, 1.0, 2),
        (47, None, 2e10, None, 1, None, 0.0, 0.5, 1.0, 3),  # dilution neither applied nor recorded: no concentration
    ]


def test_burden_of_the_last_tumour_sample_under_each_definition(spark: Any) -> None:
    def burden(sample: str, definition: str, n: int, per_mb: float | None, **more: Any) -> dict[str, Any]:
        return {
            "sample_id": sample,
            "definition": definition,
            "n_counted": n,
            "tmb_per_mb": per_mb,
            "is_hypermutated": None if per_mb is None else per_mb > 17,
            "reporting_delay_days": 21.0,
            "file_id": "maf",
            **more,
        }

    rows = build(
        spark,
        "burden",
        specimen=table("specimen", specimen("t1", "p", 0), specimen("t2", "p", 50)),
        mutational_burden=table(
            "mutational_burden",
            burden("t1", "tmb.cbioportal-9class/30Mb", 60, 2.0),
            burden("t1", "tmb.maftools/50Mb", 50, 1.0),
            burden("t2", "tmb.cbioportal-9class/panel", 900, 30.0),
        ),
    )
    assert pick(
        rows,
        "known_time",
        "tmb_cbioportal_per_mb",
        "tmb_maftools_per_mb",
        "n_counted_cbioportal",
        "is_hypermutated",
        "file_ids",
    ) == [
        (21, 2.0, 1.0, 60, False, ["maf", "specimens"]),
        (71, 30.0, 1.0, 900, True, ["maf", "specimens"]),
    ]


def test_imaging_counts_human_acquired_series(spark: Any) -> None:
    def series(uid: str, study: str, event: float, sequence: str | None, **more: Any) -> dict[str, Any]:
        return {
            "patient_id": "p",
            "series_uid": uid,
            "study_uid": study,
            "modality": "MR",
            "sequence_type": sequence,
            "species": "human",
            "is_derived": False,
            "n_instances": 9,
            "field_strength_t": 3.0,
            "event_time": event,
            "known_time": event + 1,
            "file_id": f"dicom-{study}",
            **more,
        }

    rows = build(
        spark,
        "imaging_availability",
        treatment=table("treatment", fraction("p", 10)),
        imaging_series=table(
            "imaging_series",
            series("1", "A", 0, "T1"),
            series("2", "A", 0, "FLAIR"),
            series("3", "B", 30, "T1GD"),
            series("4", "B", 30, "T2", is_derived=True),
            series("5", "C", 31, "DSC", species="phantom"),
            series("6", "D", 40, None, modality="CT", field_strength_t=None),
        ),
    )
    assert pick(
        rows,
        "known_time",
        "n_studies",
        "n_series",
        "n_mr_studies",
        "has_t1",
        "has_t1gd",
        "has_t2",
        "has_dsc",
        "mr_follow_up_d",
        "last_mr_after_first_fraction_d",
    ) == [
        (1, 1, 2, 1, True, False, False, False, 0.0, None),
        (10, 1, 2, 1, True, False, False, False, 0.0, -10.0),
        (31, 2, 3, 2, True, True, False, False, 30.0, 20.0),
        (41, 3, 4, 2, True, True, False, False, 30.0, 20.0),
    ]
    assert rows[-1]["file_ids"] == ["dicom-A", "dicom-B", "dicom-D", "fractions"]


def test_markers_of_the_tumour_are_the_latest_clear_calls(spark: Any) -> None:
    def marker(name: str, known: float, **found: Any) -> dict[str, Any]:
        return {"patient_id": "p", "sample_id": "s", "marker": name, "event_time": 0, "known_time": known, **found}

    rows = build(
        spark,
        "tumour_markers",
        biomarker=table(
            "biomarker",
            marker("GRADE", 0, call="G3", method="pathology"),
            marker("GRADE", 5, call="G4", method="pathology"),
            marker("GRADE", 6, call="GX", method="reference"),
            marker("IDH", 1, call="mutant"),
            marker("1p/19q", 1, call="non-codel"),
            marker("TERT", 2, call="not done"),
            marker("TMB", 3, value=1.4, unit="1/1000000{Base}"),
            marker("TMB", 4, value=44.0, unit="count", method="another unit"),
        ),
    )
    names = ("known_time", "who_grade", "is_idh_mutant", "is_1p19q_codeleted", "is_tert_mutant", "tmb_reported_per_mb")
    assert pick(rows, *names) == [
        (0, 3.0, None, None, None, None),
        (1, 3.0, True, False, None, None),
        (2, 3.0, True, False, None, None),
        (3, 3.0, True, False, None, 1.4),
        (4, 3.0, True, False, None, 1.4),
        (5, 4.0, True, False, None, 1.4),
        (6, 4.0, True, False, None, 1.4),
    ]
