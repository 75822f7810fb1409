"""The simulated study: recurrent glioblastoma, re-irradiation in five fractions with durvalumab, three hospitals.

Patients start in waves (a wave of a hospital shares its plates), so that samples up to week 4 are reported before
the landmark and later ones after it. All times are naive and local to the hospital.
"""

import unicodedata
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from math import ceil, exp

import numpy as np

from oncolake.demo import truth
from oncolake.demo.fate import Fate, Suspicion, draw_fate
from oncolake.demo.hospitals import HOSPITALS, Hospital
from oncolake.demo.latents import draw_latent
from oncolake.demo.truth import Latent

FIRST_MONDAY = date(2023, 1, 9)
LAST_START_DAYS = 700
WAVE_SIZE = 7
FIRST_CUTOFF = date(2025, 6, 30)
FINAL_CUTOFF = date(2025, 11, 30)
VISIT_DAYS = {"baseline": -4, "week 2": 14, "week 4": 28, "week 6": 42, "week 8": 56}
SCAN_DAYS = {"baseline": -6, "week 8": 56, "week 16": 112}
SHARE_SCANNED = 0.93
SHARE_MISSED_SCANS = 0.04
N_FRACTIONS = 5
INFUSION_INTERVAL_DAYS = 28
MAX_INFUSIONS = 12


@dataclass(frozen=True)
class Visit:
    """Blood drawn once: one plasma sample, of which the laboratories get aliquots."""

    timepoint: str
    sample_id: str
    collected: datetime
    has_cytokines: bool
    has_exosomes: bool


@dataclass(frozen=True)
class Patient:
    """A patient with everything that happened to them; `index` seeds what the laboratories measure."""

    index: int
    hospital: Hospital
    patient_id: str
    family: str
    given: str
    is_female: bool
    birth_date: date
    wave: int
    latent: Latent
    surgery: datetime
    fractions: tuple[datetime, ...]
    infusions: tuple[datetime, ...]
    visits: tuple[Visit, ...]
    scans: tuple[tuple[str, datetime], ...]
    tumour_sample_id: str
    is_sequenced: bool
    mgmt_percent: float | None
    pdl1_percent: float | None
    has_kps: bool
    is_idh1_mutant: bool
    dexamethasone_mg: float | None
    os_days: int
    is_dead: bool
    pfs_days: int
    is_progressed: bool
    is_responder: bool | None
    response: str | None
    suspicion: Suspicion | None

    @property
    def has_pfs_event(self) -> bool:
        """Progression or death, whichever came first, at `pfs_days`."""
        return self.is_progressed or self.is_dead

    @property
    def pseudoprogression(self) -> bool | None:
        """What the files say of apparent progression: whether it was none; None where nobody could tell."""
        if self.suspicion is None or self.suspicion.decided_day is None:
            return None
        return not self.suspicion.is_progression

    @property
    def first_fraction(self) -> datetime:
        return self.fractions[0]

    @property
    def landmark(self) -> datetime:
        """When the outcome tasks predict, in local wall-clock days after the first fraction."""
        return self.first_fraction + timedelta(days=truth.LANDMARK_DAYS)

    def day(self, days: int) -> date:
        """The day so many days after the first fraction."""
        return self.first_fraction.date() + timedelta(days=days)

    def seen_until(self, cutoff: date) -> "Patient":
        """The patient as known on a day: later deaths and progressions have not happened yet."""
        last = (cutoff - self.first_fraction.date()).days
        return replace(
            self,
            os_days=min(self.os_days, last),
            is_dead=self.is_dead and self.os_days <= last,
            pfs_days=min(self.pfs_days, last),
            is_progressed=self.is_progressed and self.pfs_days <= last,
        )


def rng_of(seed: int, stream: str, *index: int) -> np.random.Generator:
    """The random numbers of one purpose: independent of how many others draw, and in what order."""
    return np.random.default_rng([seed, *stream.encode(), *index])


def simulate(n_patients: int, seed: int) -> tuple[Patient, ...]:
    """The patients of the study, dealt to the hospitals in turn."""
    n_waves = [ceil(len(range(site, n_patients, len(HOSPITALS))) / WAVE_SIZE) for site in range(len(HOSPITALS))]
    patients = []
    for index in range(n_patients):
        site = index % len(HOSPITALS)
        waves = max(1, min(n_waves[site], LAST_START_DAYS // 7))
        number = index // len(HOSPITALS)
        patients.append(_patient(index, number, number % waves, waves, seed))
    return tuple(patients)


def _patient(index: int, number: int, wave: int, n_waves: int, seed: int) -> Patient:
    rng = rng_of(seed, "patient", index)
    site = index % len(HOSPITALS)
    hospital = HOSPITALS[site]
    latent = draw_latent(rng, rng_of(seed, "tumour", index))
    step = max(7, LAST_START_DAYS // n_waves // 7 * 7)
    monday = FIRST_MONDAY + timedelta(days=wave * step + 7 * site)
    start = datetime.combine(monday + timedelta(days=(number // n_waves) % 5), time(9, 0))
    first = start + timedelta(minutes=20 * (number % 12))
    fractions = tuple(_weekdays_after(first, k) for k in range(N_FRACTIONS))
    family, given = str(rng.choice(hospital.families)), str(rng.choice(hospital.givens))
    born = first.date() - timedelta(days=int(latent.age_years * 365.25))
    patient_id = _local_id(hospital, number, family, given, born)

    planned = _scans(rng_of(seed, "scans", index), first)
    scan_days = {timepoint: (when.date() - first.date()).days for timepoint, when in planned}
    fate = draw_fate(
        rng_of(seed, "fate", index),
        latent,
        first_scan_day=scan_days.get("week 8"),
        next_scan_day=scan_days.get("week 16"),
        last_day=(FINAL_CUTOFF - first.date()).days,
    )
    has_cytokines, has_exosomes = bool(rng.random() < 0.96), bool(rng.random() < 0.92)
    visits = _visits(rng, patient_id, first, fate.os_days, has_cytokines=has_cytokines, has_exosomes=has_exosomes)
    infusions = tuple(
        fractions[-1] + timedelta(days=INFUSION_INTERVAL_DAYS * k, hours=4)
        for k in range(MAX_INFUSIONS)
        if 7 + INFUSION_INTERVAL_DAYS * k < _treated_days(fate)
        and fractions[-1].date() + timedelta(days=INFUSION_INTERVAL_DAYS * k) <= FIRST_CUTOFF
    )
    methylated_percent = 13 + 60 * rng.beta(1.6, 2.5) if latent.is_mgmt_methylated else 4.5 * rng.beta(1.3, 2.0)
    if rng.random() < 0.07:  # the grey zone of the assay, whatever the truth
        methylated_percent = rng.uniform(5.5, 11.5)
    pdl1 = float(np.clip(round(exp(1.2 + 1.3 * rng.standard_normal())), 0, 90))
    return Patient(
        index=index,
        hospital=hospital,
        patient_id=patient_id,
        family=family,
        given=given,
        is_female=bool(rng.random() < 0.4),
        birth_date=born,
        wave=wave,
        latent=latent,
        surgery=datetime.combine(
            first.date() - timedelta(days=int(rng.integers(32, 56))),
            time(int(rng.integers(8, 13)), int(rng.integers(0, 60))),
        ),
        fractions=fractions,
        infusions=infusions,
        visits=visits,
        scans=tuple((timepoint, when) for timepoint, when in planned if scan_days[timepoint] < fate.os_days),
        tumour_sample_id=f"{patient_id}-TU1",
        is_sequenced=bool(rng.random() < 0.8),
        mgmt_percent=float(methylated_percent) if rng.random() < 0.94 else None,
        pdl1_percent=pdl1 if rng.random() < 0.85 else None,
        has_kps=bool(rng.random() < 0.97),
        is_idh1_mutant=bool(rng.random() < 0.06),
        dexamethasone_mg=float(rng.choice([2, 4, 8])) if rng.random() < 0.4 else None,
        os_days=fate.os_days,
        is_dead=fate.is_dead,
        pfs_days=fate.pfs_days,
        is_progressed=fate.is_progressed,
        is_responder=fate.is_responder,
        response=fate.response,
        suspicion=fate.suspicion,
    )


def _treated_days(fate: Fate) -> int:
    """Treatment goes on to progression, and beyond what only looks like it until that is decided."""
    decided = fate.suspicion.decided_day if fate.suspicion else None
    return max(fate.pfs_days, decided or 0)


def _weekdays_after(moment: datetime, days: int) -> datetime:
    for _ in range(days):
        moment += timedelta(days=3 if moment.weekday() == 4 else 1)
    return moment


def _visits(
    rng: np.random.Generator,
    patient_id: str,
    first: datetime,
    os_days: int,
    *,
    has_cytokines: bool,
    has_exosomes: bool,
) -> tuple[Visit, ...]:
    visits = []
    draws_week_6 = rng.random() < 0.5
    for timepoint, day in VISIT_DAYS.items():
        shift = int(rng.integers(-1, 2)) if day < 42 else int(rng.integers(0, 3))
        missed = rng.random() < (0.02 if timepoint == "baseline" else 0.06)
        cytokines = has_cytokines and rng.random() < 0.98
        exosomes = has_exosomes and rng.random() < 0.95 and timepoint != "week 6"
        minute = int(rng.integers(0, 55))
        if timepoint == "week 8":
            exosomes = exosomes and patient_id[-1] in "02468"
        if missed or day + shift >= os_days or (timepoint == "week 6" and not draws_week_6):
            continue
        code = "BL" if timepoint == "baseline" else timepoint.replace("week ", "W")
        collected = datetime.combine(first.date() + timedelta(days=day + shift), time(8, minute))
        visits.append(Visit(timepoint, f"{patient_id}-{code}", collected, cytokines, exosomes))
    return tuple(visits)


def _scans(rng: np.random.Generator, first: datetime) -> tuple[tuple[str, datetime], ...]:
    """The scans that the patient will come to, if still alive; none where the patient is scanned elsewhere."""
    if rng.random() > SHARE_SCANNED:
        return ()
    scans = []
    for timepoint, day in SCAN_DAYS.items():
        when = first + timedelta(days=day + int(rng.integers(-2, 3)), minutes=int(rng.integers(-50, 400)))
        when = when.replace(second=int(rng.integers(0, 60)))
        if rng.random() > SHARE_MISSED_SCANS:
            scans.append((timepoint, when))
    return tuple(scans)


def _plain(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().upper()


def _local_id(hospital: Hospital, number: int, family: str, given: str, born: date) -> str:
    """An identifier as hospitals really make them: with initials, name parts or dates of birth in it."""
    family, given = _plain(family), _plain(given)
    if hospital.site_id == "toulouse":
        return f"TLS-{family[:3]}-{given[:2]}-{number + 1:03d}"
    if hospital.site_id == "boston":
        return f"BOS{family[:4]}{given[0]}{born:%m%d%y}-{number + 1:03d}"
    return f"B-{given[0]}{family[0]}-{born:%Y%m%d}-{number + 1:03d}"
