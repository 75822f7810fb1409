"""A small lake of the demo's patients, written in a second and without a JVM: for notebooks and for trying things out.

The patients are those of `study`; their treatments and outcomes become silver rows, and what the features of
`clinical_profile` and `cytokine_kinetics` need of them becomes gold rows as the Spark build would write them: one for
each instant at which anything became known. The other views of a patient are there and empty. It is no substitute for
the pipeline: nothing is read from files, and nothing is measured but the true values.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import deltalake
import numpy as np
import pyarrow as pa

from features.tables import VIEWS
from features.tables.cytokine_kinetics import ANALYTES
from features.view import GoldView
from infra.delta import PROPERTIES
from infra.lake import Lake
from infra.pseudonyms import Pseudonymiser
from infra.tables import TABLES
from oncolake.demo.cytokine_files import true_log2
from oncolake.demo.study import FINAL_CUTOFF, Patient, simulate

PUBLIC_KEY = b"these patients never lived......"
REPORT_DAYS = 10
"""From a blood sample to its report."""
MGMT_REPORT_DAYS = 60
"""From the start of radiotherapy to the report of MGMT, which is past the landmark for half of the patients."""
CLINICAL, BLOOD, OUTCOMES = (sha256(f"small lake, {name}".encode()).hexdigest() for name in ("clinic", "blood", "fate"))


@dataclass(frozen=True)
class _Fact:
    """Something seen of a patient at `event` and told at `known`."""

    event: datetime
    known: datetime
    name: str
    value: Any
    file_id: str


def build(folder: Path, n_patients: int = 90, seed: int = 20260101) -> Lake:
    """Writes the lake into a folder that has none, and returns it; the same arguments give the same rows."""
    lake = Lake.at(folder)
    patients = [p.seen_until(FINAL_CUTOFF) for p in simulate(n_patients, seed)]
    pseudonyms = Pseudonymiser(PUBLIC_KEY)
    ids = [pseudonyms.identifier(p.hospital.site_id, p.patient_id) for p in patients]
    named = list(zip(ids, patients, strict=True))
    _silver(lake, "patient", [_person(i, p) for i, p in named])
    _silver(lake, "treatment", [row for i, p in named for row in _fractions(i, p)])
    _silver(lake, "outcome", [row for i, p in named for row in _outcomes(i, p)])
    made: dict[str, Callable[[Patient], Iterable[dict[str, Any]]]] = {
        "clinical_profile": lambda p: _snapshots(_clinical_facts(p), _latest),
        "cytokine_kinetics": lambda p: _snapshots(_blood_facts(p, seed), _kinetics(p)),
    }
    for view in VIEWS.values():
        if view.entity == "patient":
            rows_of = made.get(view.name)
            rows = [{"patient_id": i} | row for i, p in named for row in rows_of(p)] if rows_of else []
            _gold(lake, view, rows)
    return lake


def _person(identifier: str, p: Patient) -> dict[str, Any]:
    sex = "female" if p.is_female else "male"
    return {"patient_id": identifier, "sex": sex, "birth_year": p.birth_date.year, **_row(p, _utc(p.surgery), CLINICAL)}


def _fractions(identifier: str, p: Patient) -> Iterable[dict[str, Any]]:
    for at in map(_utc, p.fractions):
        kind = "radiotherapy_fraction"
        yield {"patient_id": identifier, "kind": kind, "start_time": at, **_row(p, at, CLINICAL)}


def _outcomes(identifier: str, p: Patient) -> Iterable[dict[str, Any]]:
    for endpoint, days, is_event in (("OS", p.os_days, p.is_dead), ("PFS", p.pfs_days, p.has_pfs_event)):
        at = _utc(p.first_fraction) + timedelta(days=days)
        told = {"endpoint": endpoint, "assessment": "final", "outcome_time": at, "is_event": is_event}
        yield {"patient_id": identifier, **told, **_row(p, at, OUTCOMES)}


def _row(p: Patient, at: datetime, file_id: str) -> dict[str, Any]:
    lineage = {"site_id": p.hospital.site_id, "file_id": file_id, "file_row": p.index}
    return {"event_time": at, "known_time": at, "ingested_at": _utc(p.first_fraction), **lineage}


def _clinical_facts(p: Patient) -> Iterable[_Fact]:
    seen = _utc(p.surgery)
    first = _utc(p.first_fraction)
    yield _Fact(seen, seen, "age_years", float(p.first_fraction.year - p.birth_date.year), CLINICAL)
    yield _Fact(seen, seen, "is_female", p.is_female, CLINICAL)
    if p.has_kps:
        yield _Fact(first, first, "karnofsky", float(p.latent.kps), CLINICAL)
    if p.mgmt_percent is not None:
        # Cut at the operation, and told weeks later: what a careless join takes for known.
        told = first + timedelta(days=MGMT_REPORT_DAYS - 35 * (p.index % 2))
        yield _Fact(seen, told, "mgmt_percent", p.mgmt_percent, CLINICAL)
        yield _Fact(seen, told, "is_mgmt_methylated", p.latent.is_mgmt_methylated, CLINICAL)
    for n, at in enumerate(map(_utc, p.fractions), 1):
        yield _Fact(at, at, "n_fractions_given", n, CLINICAL)
    for n, at in enumerate(map(_utc, p.infusions), 1):
        yield _Fact(at, at, "n_infusions_given", n, CLINICAL)


def _blood_facts(p: Patient, seed: int) -> Iterable[_Fact]:
    for visit in p.visits:
        if visit.has_cytokines:
            at = _utc(visit.collected)
            yield _Fact(at, at + timedelta(days=REPORT_DAYS), "log2", true_log2(p, visit.timepoint, seed), BLOOD)


def _latest(facts: list[_Fact]) -> dict[str, Any]:
    """Of each name the value of the latest event."""
    return {f.name: f.value for f in sorted(facts, key=lambda f: (f.event, f.known))}


def _kinetics(p: Patient) -> Callable[[list[_Fact]], dict[str, Any]]:
    first = _utc(p.first_fraction)

    def course(facts: list[_Fact]) -> dict[str, Any]:
        ordered = sorted(facts, key=lambda f: f.event)
        before = [f for f in ordered if f.event <= first]
        values: dict[str, Any] = {}
        for number, analyte in enumerate(ANALYTES):
            name = analyte.lower()
            last = float(ordered[-1].value[number])
            values |= {f"{name}_last_pg_per_ml": 2.0**last, f"{name}_n_samples": len(ordered)}
            values[f"{name}_share_censored"] = 0.0
            if before:
                base = float(before[-1].value[number])
                values[f"{name}_baseline_pg_per_ml"] = 2.0**base
                if ordered[-1].event > before[-1].event:
                    values[f"{name}_log2_change"] = last - base
                    since = [f for f in ordered if f.event >= before[-1].event]
                    days = np.array([(f.event - since[0].event).total_seconds() / 86_400 for f in since])
                    log2 = [float(f.value[number]) for f in since]
                    values[f"{name}_log2_slope_per_d"] = float(np.polyfit(days, log2, 1)[0])
        return values

    return course


def _snapshots(facts: Iterable[_Fact], features: Callable[[list[_Fact]], dict[str, Any]]) -> Iterable[dict[str, Any]]:
    """A row for each instant at which something became known, with all that was known by then."""
    every = list(facts)
    for instant in sorted({max(f.event, f.known) for f in every}):
        known = [f for f in every if max(f.event, f.known) <= instant]
        yield {
            "event_time": max(f.event for f in known),
            "known_time": instant,
            "file_ids": sorted({f.file_id for f in known}),
            **features(known),
        }


def _silver(lake: Lake, name: str, rows: list[dict[str, Any]]) -> None:
    schema = TABLES[name].arrow_schema()
    _write(lake.silver(name), pa.Table.from_pylist([{c: r.get(c) for c in schema.names} for r in rows], schema))


def _gold(lake: Lake, view: GoldView, rows: list[dict[str, Any]]) -> None:
    schema = view.arrow_schema()
    _write(lake.gold(view.name), pa.Table.from_pylist([{c: r.get(c) for c in schema.names} for r in rows], schema))


def _write(path: str, table: pa.Table) -> None:
    deltalake.write_deltalake(path, table, mode="error", configuration=dict(PROPERTIES))


def _utc(local: datetime) -> datetime:
    """The study's wall-clock times, taken for UTC."""
    return local.replace(tzinfo=UTC)
