"""What becomes of a patient: response, the first follow-up scan and what it proves to be, progression, death."""

from dataclasses import dataclass
from math import ceil, exp

import numpy as np

from oncolake.demo import truth
from oncolake.demo.truth import Latent

RESPONSE_DAY = 7 * truth.RESPONSE_WEEK
SHARE_HISTOLOGY = 0.25


@dataclass(frozen=True)
class Suspicion:
    """Progression as it seems in the first follow-up scan. Days count from the first fraction.

    is_progression: what it is. decided_day: when a later scan or histology told; None where neither could.
    """

    seen_day: int
    is_progression: bool
    decided_day: int | None
    criterion: str


@dataclass(frozen=True)
class Fate:
    """Days count from the first fraction. is_progressed: progression was seen, at pfs_days; no death counts as one."""

    os_days: int
    is_dead: bool
    pfs_days: int
    is_progressed: bool
    is_responder: bool | None
    response: str | None
    suspicion: Suspicion | None


def draw_fate(
    rng: np.random.Generator, latent: Latent, *, first_scan_day: int | None, next_scan_day: int | None, last_day: int
) -> Fate:
    """The fate of a patient whose follow-up scans are planned for these days, observed to `last_day` at most."""
    survival = _days(rng, latent.survival_lp, truth.SURVIVAL_DELAY_DAYS, truth.SURVIVAL_SCALE_DAYS)
    progression = _days(rng, latent.progression_lp, truth.PROGRESSION_DELAY_DAYS, truth.PROGRESSION_SCALE_DAYS)
    follow_up = last_day - int(rng.integers(0, 25))
    if rng.random() < 0.06:  # lost to follow-up
        follow_up = min(follow_up, int(rng.integers(120, 700)))
    is_responder = bool(rng.random() < latent.response_probability) if survival > RESPONSE_DAY + 3 else None
    suspicion = None
    # A responder has not progressed by the evaluation: the tumour that shrank grows again later.
    if is_responder and progression <= RESPONSE_DAY + 7:
        progression = RESPONSE_DAY + 7 + int(rng.integers(5, 60))
    elif not is_responder and first_scan_day is not None and first_scan_day < min(survival, progression):
        suspicion = _suspicion(rng, latent, first_scan_day, next_scan_day, min(survival - 1, follow_up))
    if suspicion and suspicion.is_progression:
        progression = suspicion.seen_day
    elif suspicion and suspicion.decided_day and progression <= suspicion.decided_day:
        # Nothing had grown by the verdict: the time to progression begins anew.
        progression += suspicion.decided_day - truth.PROGRESSION_DELAY_DAYS
    os_days = min(survival, follow_up)
    return Fate(
        os_days=os_days,
        is_dead=survival <= follow_up,
        pfs_days=min(progression, os_days),
        is_progressed=progression < survival and progression <= follow_up,
        is_responder=is_responder,
        response=_category(rng, is_responder, progression <= RESPONSE_DAY),
        suspicion=suspicion,
    )


def _days(rng: np.random.Generator, lp: float, delay: int, scale: float) -> int:
    return delay + max(1, ceil(float(scale * (rng.exponential() / exp(lp)) ** (1 / truth.SURVIVAL_SHAPE))))


def _suspicion(
    rng: np.random.Generator, latent: Latent, scan_day: int, next_scan_day: int | None, last_day: int
) -> Suspicion | None:
    if rng.random() > truth.SHARE_APPARENT:
        return None
    is_progression = bool(rng.random() < latent.true_progression_probability)
    if rng.random() < SHARE_HISTOLOGY:
        decided, criterion = scan_day + int(rng.integers(16, 42)), "histology"
    else:
        decided, criterion = next_scan_day or scan_day + int(rng.integers(50, 63)), "iRANO"
    return Suspicion(scan_day, is_progression, decided if decided <= last_day else None, criterion)


def _category(rng: np.random.Generator, is_responder: bool | None, is_progressed: bool) -> str | None:
    if is_responder is None:
        return None
    if is_responder:
        return "CR" if rng.random() < 0.15 else "PR"
    return "PD" if is_progressed else "SD"
