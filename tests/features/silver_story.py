"""Random silver commits, as hospitals deliver: late specimens, corrections, samples that change hands."""

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

import pyarrow as pa

from tests.features.silver import day, fraction, specimen, table

Row = dict[str, Any]
PATIENTS = [f"p{i}" for i in range(6)]
SAMPLES = [f"s{i}" for i in range(8)]
SERIES = [f"u{i}" for i in range(5)]
CASES = [f"c{i}" for i in range(4)]


def _value(random: Random) -> float:
    # Exact in binary: sums do not depend on their order.
    return random.randrange(1, 64) / 4


def _patient(random: Random) -> Row:
    return {"patient_id": random.choice(PATIENTS), "sex": random.choice(["female", "male"]), "birth_year": 1960}


def _treatment(random: Random) -> Row:
    kind = random.choice(["radiotherapy_fraction", "radiotherapy_fraction", "immunotherapy", "surgery"])
    return fraction(random.choice(PATIENTS), random.randrange(8, 14), kind=kind)


def _biomarker(random: Random) -> Row:
    marker, unit = random.choice([("KPS", None), ("MGMT", "%")])
    call = random.choice(["methylated", "unmethylated"]) if unit else None
    patient, value = random.choice(PATIENTS), _value(random)
    if marker == "KPS" and int(4 * value) % 2:
        marker, call = "GRADE", f"G{2 + round(value) % 3}"
    return {"patient_id": patient, "marker": marker, "value": value, "unit": unit, "call": call}


def _specimen(random: Random) -> Row:
    return specimen(random.choice(SAMPLES), random.choice(PATIENTS), random.randrange(20))


def _result(random: Random) -> Row:
    platform, unit = random.choice(
        [("luminex_xponent", "pg/mL"), ("olink_explore", "{NPX}"), ("olink_target", "{NPX}")]
    )
    return {
        "sample_id": random.choice(SAMPLES), "plate_id": "plate", "well": random.choice(["A1", "A2"]),
        # A correction to a control takes the result back.
        "sample_type": random.choice(["unknown"] * 5 + ["control"]), "analyte": random.choice(["IL6", "TNF", "CCL2"]),
        "value": _value(random), "operator": random.choice("==="), "unit": unit, "platform": platform,
    }  # fmt: skip


def _video(random: Random) -> Row:
    return {
        "sample_id": random.choice(SAMPLES), "measurement_id": "m", "replicate": random.choice("12"),
        "is_instrument_average": False, "validity": random.choice(["valid", "valid", "valid", "unreliable"]),
        "concentration_per_ml": _value(random), "mode_nm": _value(random), "is_dilution_applied": True,
        "dilution_factor": 4.0, "bin_centre_nm": [50.0, 200.0],
        "bin_concentration_per_ml": [_value(random), _value(random)],
    }  # fmt: skip


def _cargo(random: Random) -> Row:
    return {
        "sample_id": random.choice(SAMPLES), "marker": random.choice(["CD9", "CD63"]), "value": _value(random),
        "operator": "=", "unit": "{MFI}", "method": random.choice(["MACSPlex", None]),
    }  # fmt: skip


def _burden(random: Random) -> Row:
    definition = random.choice(["tmb.maftools/50Mb", "tmb.cbioportal-9class/30Mb"])
    return {
        "sample_id": random.choice(SAMPLES), "definition": definition,
        "n_counted": random.randrange(99), "tmb_per_mb": _value(random), "is_hypermutated": random.random() < 0.5,
    }  # fmt: skip


def _variant(random: Random) -> Row:
    return {
        "sample_id": random.choice(SAMPLES), "hugo_symbol": random.choice(["TP53", "EGFR"]), "genome_build": "GRCh38",
        "chromosome": "7", "start_position": random.randrange(4), "reference_allele": "A", "alternate_allele": "T",
        "variant_class": random.choice(["Missense_Mutation", "Silent"]),
        "mutation_status": random.choice(["Somatic", "Somatic", "Germline"]),
    }  # fmt: skip


def _sequenced(random: Random) -> Row:
    return {"sample_id": random.choice(SAMPLES), "panel_id": "exome"}


def _series(random: Random) -> Row:
    return {
        "patient_id": random.choice(PATIENTS), "study_uid": random.choice(["st1", "st2"]),
        "series_uid": random.choice(SERIES), "modality": "MR", "sequence_type": random.choice(["T1GD", "FLAIR"]),
        "species": random.choice(["human", "human", "human", "phantom"]), "is_derived": False, "field_strength_t": 3.0,
    }  # fmt: skip


def _measure(random: Random) -> Row:
    return {
        "patient_id": random.choice(PATIENTS), "series_uid": random.choice(SERIES), "region_uid": random.choice("ab"),
        "region": "lesion", "measure": random.choice(["Volume", "original_firstorder_Mean"]), "value": _value(random),
        "unit": "mm3",
    }  # fmt: skip


def _vital(random: Random) -> Row:
    # Around midnights, which the windows of an hour reach across.
    at = day(random.randrange(1, 4)) + timedelta(minutes=random.randrange(-70, 70), seconds=random.choice([0, 20, 40]))
    return {
        "case_id": random.choice(CASES), "signal": random.choice(["MAP", "MAP", "MAP", "SBP", "HR"]),
        "value": 50 + _value(random) * 2, "unit": "mm[Hg]", "device": "monitor", "event_time": at,
    }  # fmt: skip


MAKERS: dict[str, tuple[Callable[[Random], Row], int]] = {
    "patient": (_patient, 2),
    "treatment": (_treatment, 3),
    "biomarker": (_biomarker, 3),
    "specimen": (_specimen, 3),
    "cytokine_result": (_result, 8),
    "exosome_measurement": (_video, 4),
    "exosome_cargo": (_cargo, 3),
    "mutational_burden": (_burden, 3),
    "variant": (_variant, 4),
    "sequenced_sample": (_sequenced, 1),
    "imaging_series": (_series, 3),
    "imaging_measurement": (_measure, 4),
    "vital_sign": (_vital, 25),
}
"""By silver table: a row of it, and up to how many a commit adds."""
_UNTIMED = ("cytokine_result", "exosome_measurement", "exosome_cargo", "mutational_burden", "variant",
            "sequenced_sample", "imaging_measurement")  # fmt: skip


def commits(seed: int, n: int) -> list[dict[str, pa.Table]]:
    """`n` commits of one story, each with the rows by table; the first is as large as three."""
    random = Random(seed)
    return [_commit(random, number, 3 if number == 0 else 1) for number in range(n)]


def _commit(random: Random, number: int, size: int) -> dict[str, pa.Table]:
    found = {}
    for name, (make, most) in MAKERS.items():
        # Not every source delivers every time, and a table may begin late.
        if random.random() < 0.2:
            continue
        n = random.randint(most // 2 + 1, most) * size
        rows = [_timed(random, name, make(random), number) for _ in range(n)]
        found[name] = table(name, *rows)
    return found


def _timed(random: Random, name: str, row: Row, number: int) -> Row:
    """With times: later commits are known later, so that a key seen before is corrected."""
    row = {**row, "file_id": f"{name}-{number}", "ingested_at": day(40 + number)}
    if name in _UNTIMED:
        own = name == "imaging_measurement" and random.random() < 0.3
        row |= {"event_time": random.randrange(20) if own else None}
        if name != "imaging_measurement":
            row["reporting_delay_days"] = 3.0
        row["known_time"] = 25 + number if own or random.random() < 0.5 else None
        return row
    event = row.get("event_time")
    if event is None:
        event = row["event_time"] = random.randrange(20)
    delay = timedelta(days=random.choice([0, 0, 2]) + 7 * number)
    row["known_time"] = (day(event) if isinstance(event, int) else event) + delay
    return row
