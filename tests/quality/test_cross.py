"""Contradictions between tables: small lakes beside the counts that they must give."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.lake import Lake
from infra.tables import TABLES
from quality.cross import CROSS_CHECKS, LABORATORY, OF_PATIENTS, cross_checks
from tests.quality.batches import START, pseudonym, write


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.at(tmp_path)


def at(days: float) -> datetime:
    return START + timedelta(days=days)


def rows(table: str, *given: tuple[Any, ...]) -> list[dict[str, Any]]:
    """Rows of a table in the columns that these checks read."""
    match table:
        case "patient":
            return [{"patient_id": pseudonym(p), "event_time": at(0), "known_time": at(0)} for (p,) in given]
        case "specimen":
            return [
                {"sample_id": pseudonym(s), "patient_id": pseudonym(p), "collected_time": at(d), "known_time": at(d)}
                for s, p, d in given
            ]
        case "outcome":
            return [
                {"patient_id": pseudonym(p), "endpoint": e, "assessment": "first", "outcome_time": at(d),
                 "is_event": is_event, "known_time": at(known)}
                for p, e, d, is_event, known in given
            ]  # fmt: skip
        case "treatment":
            return [
                {"patient_id": pseudonym(p), "kind": k, "start_time": at(d), "known_time": at(d)} for p, k, d in given
            ]
        case "vital_sign":
            return [
                {"patient_id": None if p is None else pseudonym(p), "case_id": pseudonym(99), "event_time": at(d)}
                for p, d in given
            ]
        case "cytokine_result":
            return [
                {"sample_id": None if s is None else pseudonym(s), "sample_type": kind, "known_time": at(d)}
                for s, kind, d in given
            ]
    raise ValueError(table)


CLEAN: dict[str, list[tuple[Any, ...]]] = {
    "patient": [(1,), (2,), (3,)],
    "specimen": [(11, 1, 0), (12, 2, 5), (13, 3, 40)],
    "outcome": [(1, "OS", 30, True, 31), (2, "OS", 30, False, 31), (3, "PFS", 20, True, 21), (1, "PFS", 30, True, 31)],
    "treatment": [(1, "radiotherapy_fraction", 1), (1, "other", 30), (3, "radiotherapy_fraction", 2)],
    "vital_sign": [(1, 30.5), (2, 90), (None, 95)],
    "cytokine_result": [(11, "unknown", 3), (12, "unknown", 4.5), (None, "blank", -9), (77, "control", -9)],
}
DIRTY: dict[str, tuple[tuple[Any, ...], dict[str, int]]] = {
    # A row more, and what it makes of the checks: (table, row): {definition: count}.
    "a sample without specimen": (("cytokine_result", (14, "unknown", 3)), {"orphans.specimen/1": 1}),
    "a patient that nobody declared": (("vital_sign", (4, 3)), {"orphans.patient/1": 1}),
    "a report before the blood": (("cytokine_result", (13, "unknown", 38)), {"order.report-before-collection/1": 1}),
    "a report on the day of the blood": (("cytokine_result", (13, "unknown", 39.5)), {}),
    "blood of the dead": (("specimen", (15, 1, 32)), {"order.specimen-after-death/1": 1}),
    "treatment of the dead": (("treatment", (1, "other", 31.5)), {"order.treatment-after-death/1": 1}),
    "a pressure of the dead": (("vital_sign", (1, 31.01)), {"order.vital-sign-after-death/1": 1}),
    "a pressure on the day of death": (("vital_sign", (1, 30.99)), {}),
    "censored is not dead": (("vital_sign", (2, 300)), {}),
    "progression of the censored": (
        ("outcome", (2, "PFS", 44, True, 45)), {}
    ),
    "radiotherapy first after a progression": (
        ("outcome", (1, "PFS", -3, True, 32)), {"order.fraction-after-progression/1": 1}
    ),
    "a death that was corrected to a later day": (("outcome", (1, "OS", 90, True, 99)), {}),
    "a death that was corrected to an earlier day": (
        ("outcome", (1, "OS", 10, True, 99)),
        {"order.vital-sign-after-death/1": 1, "order.treatment-after-death/1": 1, "order.progression-after-death/1": 1},
    ),
}  # fmt: skip


def fill(lake: Lake, extra: tuple[str, tuple[Any, ...]] | None = None) -> None:
    for table, given in CLEAN.items():
        write(lake, table, "a", rows(table, *given))
    if extra:
        write(lake, extra[0], "b", rows(extra[0], extra[1]))


def counted(lake: Lake) -> dict[tuple[str, str], int]:
    return {(c.definition, c.table): int(c.value or 0) for c in cross_checks(lake) if not c.is_passed}


def test_what_is_in_order_counts_nothing(lake: Lake) -> None:
    fill(lake)
    assert counted(lake) == {}
    found = cross_checks(lake)
    there = set(CLEAN)
    assert {(c.definition, c.table) for c in found} == {
        (c.definition, c.table) for c in CROSS_CHECKS if {c.table, *c.needs} <= there
    }


@pytest.mark.parametrize("case", DIRTY)
def test_a_contradiction_is_counted_once_and_only_where_it_is(lake: Lake, case: str) -> None:
    extra, expected = DIRTY[case]
    fill(lake, extra)
    found = {definition: n for (definition, _), n in counted(lake).items()}
    assert found == expected


def test_many_rows_of_one_patient_are_one_patient(lake: Lake) -> None:
    fill(lake)
    write(lake, "vital_sign", "b", rows("vital_sign", *[(1, 60 + i) for i in range(500)], *[(7, 1)] * 50))
    assert counted(lake) == {
        ("order.vital-sign-after-death/1", "vital_sign"): 1,
        ("orphans.patient/1", "vital_sign"): 1,
    }
    assert not any(pseudonym(7) in c.sentence for c in cross_checks(lake))


def test_without_the_other_table_there_is_nothing_to_say_but_that_samples_wait(lake: Lake) -> None:
    assert cross_checks(lake) == []
    write(lake, "cytokine_result", "a", rows("cytokine_result", (1, "unknown", 0), (2, "unknown", 0)))
    write(lake, "vital_sign", "a", rows("vital_sign", (1, 0)))
    (waiting,) = cross_checks(lake)
    assert (waiting.definition, waiting.value, waiting.severity) == ("orphans.specimen/1", 2.0, "info")


def test_only_what_a_batch_may_have_changed_is_counted_again(lake: Lake) -> None:
    fill(lake)
    assert {c.table for c in cross_checks(lake, {"cytokine_result"})} == {"cytokine_result"}
    assert cross_checks(lake, {"gene_panel"}) == []
    after_outcome = {c.definition for c in cross_checks(lake, {"outcome"})}
    assert "order.vital-sign-after-death/1" in after_outcome and "order.report-before-collection/1" not in after_outcome


def test_every_table_of_samples_and_of_patients_is_looked_at() -> None:
    assert {"cytokine_result", "exosome_measurement", "variant", "mutational_burden"} <= set(LABORATORY)
    assert {"specimen", "vital_sign", "imaging_series", "outcome"} <= set(OF_PATIENTS)
    assert len({(c.definition, c.table) for c in CROSS_CHECKS}) == len(CROSS_CHECKS)
    assert all({c.table, *c.needs, *c.also} <= TABLES.keys() for c in CROSS_CHECKS)
