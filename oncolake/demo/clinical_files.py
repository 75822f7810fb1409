"""Clinical tables in the project's CSV templates, in each hospital's separators, dates, decimal signs and words."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from oncolake.demo.hospitals import Hospital
from oncolake.demo.study import FINAL_CUTOFF, FIRST_CUTOFF, Patient, rng_of

Rows = list[list[str]]
"""A table as text cells, its header first."""

DOSE_GY = 6.0
DURVALUMAB_MG = 1500.0
DAYS_TO_REPORT = 10
DAYS_TO_VERDICT = {"iRANO": 3, "histology": 10}
"""From the scan or operation that decided to the report of it."""


def render(rows: Rows, hospital: Hospital) -> bytes:
    """The table as the hospital exports it."""
    lines = [hospital.separator.join(row) for row in rows]
    return (hospital.line_end.join(lines) + hospital.line_end).encode(hospital.encoding)


def patient_rows(patients: Sequence[Patient]) -> Rows:
    """One row a patient."""
    rows = [["patient_id", "sex", "birth_date", "enrolled_date"]]
    for p in patients:
        site = p.hospital
        sex = site.word("female" if p.is_female else "male")
        rows.append([p.patient_id, sex, site.write_date(p.birth_date), site.write_date(p.day(-10))])
    return rows


def specimen_rows(patients: Iterable[Patient]) -> Rows:
    """One row a sample: plasma of each visit, tumour of the operation."""
    rows = [["sample_id", "patient_id", "specimen_type", "timepoint", "collected_time"]]
    for p in patients:
        cut = p.hospital.write_time(tumour_time(p))
        rows.append([p.tumour_sample_id, p.patient_id, "tumour", "surgery", cut])
        for visit in p.visits:
            drawn = p.hospital.write_time(visit.collected)
            rows.append([visit.sample_id, p.patient_id, "plasma", visit.timepoint, drawn])
    return rows


def tumour_time(patient: Patient) -> datetime:
    """When the tissue was cut, within the operation."""
    return patient.surgery + timedelta(minutes=70)


def treatment_rows(patients: Iterable[Patient], until: date = FIRST_CUTOFF) -> Rows:
    """One row a fraction, infusion, operation or course of dexamethasone."""
    rows = [["patient_id", "kind", "agent", "start_time", "stop_time", "dose", "unit"]]

    for p in patients:
        given: list[tuple[str, str, datetime, timedelta, float | None, str]] = [
            ("surgery", "craniotomy", p.surgery, timedelta(hours=4), None, "")
        ]
        if p.dexamethasone_mg is not None:
            start = p.first_fraction - timedelta(days=3, hours=1)
            given.append(("corticosteroid", "dexamethasone", start, timedelta(days=24), p.dexamethasone_mg, "mg"))
        given += [
            ("radiotherapy_fraction", "stereotactic radiotherapy", f, timedelta(minutes=25), DOSE_GY, "Gy")
            for f in p.fractions
        ]
        given += [("immunotherapy", "durvalumab", i, timedelta(minutes=60), DURVALUMAB_MG, "mg") for i in p.infusions]
        site = p.hospital
        rows += [
            [
                p.patient_id,
                kind,
                site.word(agent),
                site.write_time(start),
                site.write_time(start + length),
                "" if dose is None else site.write_number(dose),
                unit,
            ]
            for kind, agent, start, length, dose, unit in given
            if start.date() <= until
        ]
    return rows


BIOMARKER_HEADER = [
    "patient_id",
    "sample_id",
    "marker",
    "value",
    "unit",
    "call",
    "method",
    "measured_time",
    "report_time",
]


def biomarker_row(
    p: Patient, marker: str, value: float | None, call: str, *, event: datetime, report: datetime, digits: int = 1
) -> list[str]:
    """One marker result; tumour markers carry the tumour's sample."""
    site = p.hospital
    method, unit = {
        "MGMT": ("pyrosequencing", "%"),
        "PD-L1": ("SP263 TPS", "%"),
        "IDH1": ("IHC R132H", ""),
        "KPS": ("clinician", "{score}"),
    }[marker]
    text = "" if value is None else site.write_number(value, digits)
    return [
        p.patient_id,
        "" if marker == "KPS" else p.tumour_sample_id,
        marker,
        text,
        "" if value is None else unit,
        call,
        method,
        site.write_time(event),
        site.write_time(report),
    ]


def biomarker_rows(patients: Iterable[Patient], seed: int) -> Rows:
    """One row a marker result at baseline."""
    rows = [list(BIOMARKER_HEADER)]
    for p in patients:
        rng = rng_of(seed, "biomarker", p.index)
        cut = tumour_time(p)
        reports = [(cut + timedelta(days=int(d))).replace(hour=16, minute=int(d)) for d in rng.integers(7, 21, 3)]
        if p.mgmt_percent is None:
            rows.append(biomarker_row(p, "MGMT", None, "not done", event=cut, report=reports[0]))
        else:
            call = mgmt_call(p.mgmt_percent)
            rows.append(biomarker_row(p, "MGMT", p.mgmt_percent, call, event=cut, report=reports[0]))
        if p.pdl1_percent is not None:
            call = "positive" if p.pdl1_percent >= 1 else "negative"
            rows.append(biomarker_row(p, "PD-L1", p.pdl1_percent, call, event=cut, report=reports[1], digits=0))
        call = "mutant" if p.is_idh1_mutant else "wildtype"
        rows.append(biomarker_row(p, "IDH1", None, call, event=cut, report=reports[2]))
        if p.has_kps:
            seen = (p.first_fraction - timedelta(days=3)).replace(hour=8, minute=30)
            report = seen + timedelta(hours=1)
            rows.append(biomarker_row(p, "KPS", float(p.latent.kps), "", event=seen, report=report, digits=0))
    return rows


def mgmt_call(percent: float) -> str:
    """Pyrosequencing: 5 to 12 % is the grey zone."""
    if percent < 5:
        return "unmethylated"
    return "grey" if percent <= 12 else "methylated"


OUTCOME_HEADER = [
    "patient_id",
    "endpoint",
    "assessment",
    "outcome_time",
    "is_event",
    "category",
    "criterion",
    "report_time",
]


def outcome_rows(patients: Iterable[Patient], seed: int) -> Rows:
    """Survival, progression and response as known at the first cut-off."""
    rows = [list(OUTCOME_HEADER)]
    for p in patients:
        rows += _survival(p.seen_until(FIRST_CUTOFF), FIRST_CUTOFF, seed)
        if p.response is not None:
            judged = p.day(84)
            rows.append(_judged(p, "response", "week 12", judged, "", p.response, "RANO", judged + timedelta(days=3)))
        if p.suspicion is not None:
            rows.append(_apparent_progression(p))
    return rows


def _apparent_progression(p: Patient) -> list[str]:
    """What apparent progression in the first follow-up scan proved to be: an event where it was none."""
    assert p.suspicion is not None
    decided = p.suspicion.decided_day
    if decided is None:
        # Death, or the end of observation, came before anybody could tell.
        ended = p.day(p.os_days)
        return _judged(p, "pseudoprogression", "week 8", ended, "", "indeterminate", "", ended + timedelta(days=9))
    flag, category = ("false", "PD") if p.suspicion.is_progression else ("true", "pseudoprogression")
    report = p.day(decided + DAYS_TO_VERDICT[p.suspicion.criterion])
    return _judged(p, "pseudoprogression", "week 8", p.day(decided), flag, category, p.suspicion.criterion, report)


def _judged(
    p: Patient, endpoint: str, assessment: str, day: date, flag: str, category: str, criterion: str, report: date
) -> list[str]:
    site = p.hospital
    word = site.word(flag) if flag else ""
    dates = site.write_date(day), site.write_date(report)
    return [p.patient_id, endpoint, assessment, dates[0], word, category, criterion, dates[1]]


def updated_outcome_rows(patients: Iterable[Patient], seed: int) -> Rows:
    """New versions of survival and progression, of those whose state changed until the final cut-off."""
    rows = [list(OUTCOME_HEADER)]
    for p in patients:
        before = p.seen_until(FIRST_CUTOFF)
        changed = {
            "OS": (before.os_days, before.is_dead) != (p.os_days, p.is_dead),
            "PFS": (before.pfs_days, before.has_pfs_event) != (p.pfs_days, p.has_pfs_event),
        }
        rows += [row for row in _survival(p, FINAL_CUTOFF, seed) if changed[row[1]]]
    return rows


def _survival(p: Patient, cutoff: date, seed: int) -> Rows:
    """OS and PFS. The category of PFS tells progression (PD) from death without it (no category)."""
    rng = rng_of(seed, "report", p.index)
    delays = {"OS": int(rng.integers(2, DAYS_TO_REPORT)), "PFS": int(rng.integers(2, DAYS_TO_REPORT))}
    # Progression that a later scan confirmed dates from the scan that showed it first.
    confirmed = p.suspicion.decided_day if p.suspicion and p.suspicion.is_progression else None
    rows = []
    for endpoint, days, is_event, category, criterion in (
        ("OS", p.os_days, p.is_dead, "", ""),
        ("PFS", p.pfs_days, p.has_pfs_event, "PD" if p.is_progressed else "", "RANO"),
    ):
        known = p.day(max(days, confirmed or 0) if endpoint == "PFS" else days)
        report = known + timedelta(days=delays[endpoint]) if is_event else cutoff + timedelta(days=DAYS_TO_REPORT)
        flag = "true" if is_event else "false"
        rows.append(_judged(p, endpoint, "final", p.day(days), flag, category, criterion, report))
    return rows
