"""Views with arrays and times: silver rows in, the snapshots that they make out."""

from typing import Any

import pytest

from tests.features.silver import build, fraction, pick, specimen, table

pytestmark = pytest.mark.slow


def measure(series: str, region_uid: str, value: float | None, **more: Any) -> dict[str, Any]:
    return {
        "patient_id": "p",
        "series_uid": series,
        "region_uid": region_uid,
        "region": "lesion",
        "measure": "Volume",
        "value": value,
        "unit": "mm3",
        "file_id": "report",
        **more,
    }


def series(uid: str, event: float, known: float | None = None) -> dict[str, Any]:
    return {
        "patient_id": "p",
        "study_uid": "study",
        "series_uid": uid,
        "species": "human",
        "event_time": event,
        "known_time": event if known is None else known,
        "file_id": "index",
    }


def test_treatment_times_are_of_what_was_known_to_be_given(spark: Any) -> None:
    rows = build(
        spark,
        "treatment_times",
        treatment=table(
            "treatment",
            fraction("p", 10),
            fraction("p", 12),
            fraction("p", 9, known=20),  # reported late
            fraction("p", 11, kind="surgery"),
        ),
    )
    columns = ("first_fraction_time", "last_fraction_time", "last_operation_time", "first_chemotherapy_time")
    days = [tuple(t and t.day - 1 for t in (r[c] for c in columns)) for r in rows]
    assert [r["known_time"] for r in rows] == [10, 11, 12, 20]
    assert days == [(10, 10, None, None), (10, 10, 11, None), (10, 12, 11, None), (9, 12, 11, None)]


def test_measures_of_scans_take_the_time_of_their_series(spark: Any) -> None:
    rows = build(
        spark,
        "imaging_measures",
        treatment=table("treatment", fraction("p", 10)),
        imaging_series=table("imaging_series", series("u1", 5, known=6), series("u2", 30)),
        imaging_measurement=table(
            "imaging_measurement",
            # Two lesions of one name in a scan: their volumes add up.
            measure("u1", "a", 4_000.0, known_time=7),
            measure("u1", "b", 1_000.0, known_time=7),
            measure("u2", "a", 2_500.0, known_time=33),
            measure("u1", "a", 0.5, measure="original_firstorder_Mean", unit=None, algorithm="pyradiomics 3"),
            measure("gone", "a", 9.0, known_time=8),  # its series never came, and it has no time of its own
            measure("no series", "c", 7.0, region="oedema", unit="mL", event_time=40, known_time=41),
        ),
    )
    assert pick(rows, "known_time", "event_time", "largest_volume_last_ml", "largest_volume_ratio", "n_regions") == [
        (6, 5, None, None, 1),
        (7, 5, 5.0, 1.0, 1),
        (10, 10, 5.0, 1.0, 1),
        (33, 30, 2.5, 0.5, 1),
        (41, 40, 7.0, None, 2),
    ]
    mean, volume = "lesion: original_firstorder_Mean by pyradiomics 3", "lesion: Volume [mm3]"
    assert rows[3]["measures"] == [volume, mean]
    assert (rows[3]["baseline"], rows[3]["last"], rows[3]["change"]) == ([5_000, 0.5], [2_500, 0.5], [-2_500, None])
    assert rows[3]["file_ids"] == ["fractions", "index", "report"]


def test_a_corrected_measure_counts_from_when_it_was_known(spark: Any) -> None:
    rows = build(
        spark,
        "imaging_measures",
        imaging_series=table("imaging_series", series("u", 5)),
        imaging_measurement=table(
            "imaging_measurement",
            measure("u", "a", 4_000.0, known_time=7),
            measure("u", "a", 3_000.0, known_time=9, file_id="correction"),
            measure("u", "a", None, known_time=12, qualifier="NaN", file_id="taken back"),
        ),
    )
    assert pick(rows, "known_time", "largest_volume_last_ml", "last") == [
        (7, 4.0, [4_000.0]),
        (9, 3.0, [3_000.0]),
        (12, None, []),
    ]


def test_markers_of_vesicles_by_assay_and_unit(spark: Any) -> None:
    def cargo(sample: str, value: float | None, **more: Any) -> dict[str, Any]:
        row = {
            "sample_id": sample,
            "marker": "CD9",
            "value": value,
            "operator": "=",
            "unit": "{MFI}",
            "method": "MACSPlex",
        }
        return {**row, "reporting_delay_days": 1.0, "file_id": "cargo", **more}

    rows = build(
        spark,
        "exosome_markers",
        treatment=table("treatment", fraction("p", 10)),
        specimen=table("specimen", specimen("s1", "p", 2), specimen("s2", "p", 12)),
        exosome_cargo=table(
            "exosome_cargo",
            cargo("s1", 2.0),
            cargo("s1", 6.0, replicate="2"),  # the mean of both is 4
            cargo("s2", 16.0),
            cargo("s2", None, marker="CD63", operator="<", lloq=2**0.5),
            cargo("s2", None, marker="CD81", operator="none"),
        ),
    )
    last = rows[-1]
    assert last["markers"] == ["CD63 [{MFI}] by MACSPlex", "CD9 [{MFI}] by MACSPlex"]
    assert (last["baseline"], last["log2_change"]) == ([None, 4.0], [None, 2.0])
    assert last["last"] == [pytest.approx(1.0), 16.0]
    assert pick(rows, "known_time", "cd9_log2_change", "cd63_log2_change", "n_samples") == [
        (3, None, None, 1),
        (10, None, None, 1),
        (13, 2.0, None, 2),
    ]


def test_mutated_genes_tell_none_from_not_sequenced(spark: Any) -> None:
    def variant(sample: str, gene: str, position: int, **more: Any) -> dict[str, Any]:
        row = {"sample_id": sample, "hugo_symbol": gene, "start_position": position, "chromosome": "7"}
        return {**row, "variant_class": "Missense_Mutation", "reporting_delay_days": 1.0, "file_id": "maf", **more}

    rows = build(
        spark,
        "mutated_genes",
        specimen=table("specimen", specimen("t", "p", 2), specimen("u", "p", 20), specimen("v", "q", 2)),
        sequenced_sample=table(
            "sequenced_sample", *({"sample_id": s, "panel_id": "exome", "reporting_delay_days": 1.0} for s in "tv")
        ),
        variant=table(
            "variant",
            variant("t", "TP53", 1),
            variant("t", "TP53", 2, variant_class="Silent"),
            variant("t", "IDH1", 3, mutation_status="Germline"),
            variant("u", "TP53", 1),  # the same mutation again
            variant("u", "EGFR", 4),
        ),
    )
    assert pick(
        rows, "patient_id", "known_time", "genes", "n_mutations", "n_altering", "n_genes", "n_altered_genes"
    ) == [
        ("p", 3, ["TP53"], [2.0], [1.0], 1, 1),
        ("p", 21, ["EGFR", "TP53"], [1.0, 2.0], [1.0, 1.0], 2, 2),
        ("q", 3, [], [], [], 0, 0),
    ]
