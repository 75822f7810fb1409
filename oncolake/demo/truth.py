"""The truth of the demo cohort: which features drive which outcome, by how much, and the equations that make them.

Everything that `study`, `fate` and the files draw is declared here, so that a reader of a result can look up what was
put in. z-scores are of the simulated population (mean 0, SD 1); effects not listed are zero, on purpose: TNF, CCL2,
VEGFA, IL10, CD274, the burden of mutations, sex and corticosteroids drive nothing, and neither survival nor recurrence
nor response hangs on a scan before it shows the tumour's growth.

Trajectory groups: each patient belongs to one of TRAJECTORY_GROUPS, with equal chances, and
    z_x = group mean of x + sqrt(1 - variance of the group means of x) * N(0, 1)
for the changes of IL6, CXCL8, IFNG and vesicles: a mixture with mean 0 and SD 1. Groups have no effect of their own;
they differ in survival, recurrence and response because their z-scores do.
Overall survival, days after the first fraction (proportional hazards, Weibull baseline, nobody dies earlier):
    T = SURVIVAL_DELAY_DAYS + SURVIVAL_SCALE_DAYS * (E / exp(LP_survival)) ** (1 / SURVIVAL_SHAPE),  E ~ Exp(1)
Progression, the same with LP_progression = PROGRESSION_SHARE * LP_survival + PROGRESSION_BURDEN * burden; death before
it is a competing event. What the first follow-up scan proves to be overrules the equation:
    PFS = min(progression, death)
Response (CR or PR by RANO at week 12):
    P(response) = 1 / (1 + exp(-(RESPONSE_INTERCEPT + sum(RESPONSE_LOG_ODDS[x] * x))))
Apparent progression: SHARE_APPARENT of those who do not respond and were scanned in week 8. Of these
    P(true progression) = 1 / (1 + exp(-(TRUE_PROGRESSION_INTERCEPT + sum(TRUE_PROGRESSION_LOG_ODDS[x] * x))))
True progression dates from that scan. The others are pseudoprogression: they progress after the verdict, if at all.
Measure m of a region in a scan, in the units of SD of `radiomics_files.MEASURES`:
    z_m = N(0, 1) of the patient + MGMT_ON_IMAGING[m] * (methylated - MGMT_SHARE) + change of m since baseline
          + NOISE_IMAGING * N(0, 1) of the scan
where the changes of rCBV and ADC in the enhancing tumour are RCBV_CHANGE and ADC_CHANGE (mean, SD) at their z-scores,
and volumes follow GROWTH_LOG2, the same for true progression and pseudoprogression until the week 8 scan.
Cytokine a of a visit in week w, in pg/mL, measured with NOISE_CYTOKINE_LOG2 of noise:
    log2 c = baseline_a + BURDEN_ON_CXCL8 * burden [CXCL8 only] + KINETICS[w] * (mean_change_a + sd_change_a * z_a)
Vesicles of a visit, per mL of plasma, measured with NOISE_EXOSOME_LOG2 of noise beside that between videos:
    log2 c = EXOSOME_LOG2_BASELINE + EXOSOME_LOG2_BURDEN * burden
             + KINETICS[w] * (EXOSOME_CHANGE_MEAN + EXOSOME_CHANGE_SD * z_exosome)
Hypotension: `monitor` lets heart rate rise and pulse pressure narrow for PRECURSOR_MINUTES before arterial pressure
falls; pressure also wanders on its own, without these signs, so that it alone says less.
"""

from dataclasses import asdict, dataclass
from math import exp

LANDMARK_DAYS = 42
"""Prediction time of the outcome tasks, days after the first fraction."""

TRAJECTORY_GROUPS: dict[str, dict[str, float]] = {
    # group: its mean of each change; over the groups, each change has mean 0
    "inflammatory": {
        "il6_change_z": 1.2,
        "cxcl8_change_z": 0.9,
        "ifng_change_z": -0.5,
        "exosome_change_z": -0.5,
    },
    "vesicle_shedding": {
        "il6_change_z": -0.5,
        "cxcl8_change_z": -0.45,
        "ifng_change_z": -0.7,
        "exosome_change_z": 1.25,
    },
    "immune_activated": {
        "il6_change_z": -0.7,
        "cxcl8_change_z": -0.45,
        "ifng_change_z": 1.2,
        "exosome_change_z": -0.75,
    },
}

SURVIVAL_LOG_HAZARD = {
    "il6_change_z": 1.7,  # log2 fold change of IL6 in weeks 2 to 4 over baseline
    "exosome_change_z": 1.4,  # log2 fold change of the vesicle concentration in weeks 2 to 4 over baseline
    "mgmt_methylated": -0.9,  # 1 or 0
    "age_decades": 0.35,  # (age - 57) / 10
    "kps_tens": -0.45,  # (KPS - 80) / 10
}
SURVIVAL_DELAY_DAYS = 35
SURVIVAL_SCALE_DAYS = 360.0
SURVIVAL_SHAPE = 2.2

PROGRESSION_SHARE = 0.7
PROGRESSION_BURDEN = 0.3
PROGRESSION_DELAY_DAYS = 28
PROGRESSION_SCALE_DAYS = 230.0

RESPONSE_LOG_ODDS = {
    "cxcl8_change_z": -1.7,  # log2 fold change of CXCL8 (IL8) in weeks 2 to 4
    "ifng_change_z": 1.5,  # log2 fold change of IFNG in weeks 2 to 4
    "burden_z": -0.9,  # tumour burden, seen through the vesicles at baseline
}
RESPONSE_INTERCEPT = -1.3
RESPONSE_WEEK = 12

MGMT_SHARE = 0.42
"""Share of patients with a methylated MGMT promoter."""

SHARE_APPARENT = 0.95
TRUE_PROGRESSION_LOG_ODDS = {
    "rcbv_change_z": 2.0,  # change of mean rCBV in the enhancing tumour, week 8 less baseline
    "adc_change_z": -1.4,  # change of mean ADC there
    "mgmt_methylated": -1.3,  # 1 or 0
    "exosome_change_z": 1.2,  # log2 fold change of the vesicle concentration in weeks 2 to 4 over baseline
}
TRUE_PROGRESSION_INTERCEPT = 0.1

MGMT_ON_IMAGING = {
    # region: measure, by how many SD methylated tumours differ at baseline and after
    "enhancing tumour, ADC: original_firstorder_Mean": 0.75,
    "enhancing tumour: original_glcm_Contrast": 0.7,
    "oedema: original_firstorder_Entropy": -0.75,
    "enhancing tumour: original_shape_Sphericity": -0.6,
}
RCBV_CHANGE = (0.3, 0.8)  # ratio to normal white matter
ADC_CHANGE = (60.0, 170.0)  # 1e-6 mm2/s
NOISE_IMAGING = 0.25
GROWTH_LOG2 = {
    # log2 of the volume over that at baseline: (week 8, week 16)
    "true_progression": (0.7, 1.3),
    "pseudoprogression": (0.7, -0.2),
    "response": (-0.7, -1.2),
    "other": (0.0, 0.2),
}

KINETICS = {"baseline": 0.0, "week 2": 0.8, "week 4": 1.0, "week 6": 0.9, "week 8": 0.8}
"""Share of a patient's change that a visit shows."""

CYTOKINES: dict[str, tuple[float, float, float, float, float, str | None]] = {
    # name in the files: (baseline mean and SD in log2 pg/mL, change mean and SD in log2, top standard, latent z)
    "IL6": (3.0, 0.9, 0.5, 0.9, 5_000.0, "il6_change_z"),
    "IL8": (4.2, 0.7, 0.0, 0.9, 3_000.0, "cxcl8_change_z"),
    "IL10": (1.8, 1.0, 0.2, 0.5, 5_000.0, None),
    "TNFa": (3.6, 0.5, 0.3, 0.4, 8_000.0, None),
    "IFNg": (3.8, 0.8, 0.6, 0.9, 10_000.0, "ifng_change_z"),
    "MCP1": (7.5, 0.5, 0.1, 0.4, 8_000.0, None),
    "VEGF": (8.0, 0.9, -0.1, 0.5, 1_000.0, None),
    "PD-L1": (6.0, 0.6, 1.0, 0.5, 4_000.0, None),
}
NOISE_CYTOKINE_LOG2 = 0.22
BURDEN_ON_CXCL8 = 0.3
IL6_CXCL8_CORRELATION = 0.25

EXOSOME_LOG2_BASELINE = 38.2  # 3.2e11 per mL of plasma
EXOSOME_LOG2_BURDEN = 0.7
EXOSOME_CHANGE_MEAN = 0.1
EXOSOME_CHANGE_SD = 0.7
NOISE_EXOSOME_LOG2 = 0.15

MAP_THRESHOLD_MMHG = 65.0
PRECURSOR_MINUTES = (7.0, 11.0)
PRECURSOR_HR_RISE_PER_MIN = (10.0, 18.0)
PRECURSOR_PULSE_PRESSURE_FALL_MMHG = (8.0, 14.0)


@dataclass(frozen=True)
class Latent:
    """What is true of a patient and no file says outright."""

    age_years: float
    kps: int
    is_mgmt_methylated: bool
    is_hypermutated: bool
    burden_z: float
    il6_change_z: float
    cxcl8_change_z: float
    ifng_change_z: float
    exosome_change_z: float
    trajectory_group: str
    rcbv_change_z: float
    adc_change_z: float

    @property
    def survival_lp(self) -> float:
        """Log hazard of death against the reference patient (aged 57, KPS 80, unmethylated, changes at the mean)."""
        effect = SURVIVAL_LOG_HAZARD
        return (
            effect["il6_change_z"] * self.il6_change_z
            + effect["exosome_change_z"] * self.exosome_change_z
            + effect["mgmt_methylated"] * self.is_mgmt_methylated
            + effect["age_decades"] * (self.age_years - 57) / 10
            + effect["kps_tens"] * (self.kps - 80) / 10
        )

    @property
    def progression_lp(self) -> float:
        """Log hazard of progression against the reference patient."""
        return PROGRESSION_SHARE * self.survival_lp + PROGRESSION_BURDEN * self.burden_z

    @property
    def response_probability(self) -> float:
        """Probability of CR or PR at week 12."""
        effect = RESPONSE_LOG_ODDS
        return _logistic(
            RESPONSE_INTERCEPT
            + effect["cxcl8_change_z"] * self.cxcl8_change_z
            + effect["ifng_change_z"] * self.ifng_change_z
            + effect["burden_z"] * self.burden_z
        )

    @property
    def true_progression_probability(self) -> float:
        """Probability that apparent progression in week 8 is progression."""
        effect = TRUE_PROGRESSION_LOG_ODDS
        return _logistic(
            TRUE_PROGRESSION_INTERCEPT
            + effect["rcbv_change_z"] * self.rcbv_change_z
            + effect["adc_change_z"] * self.adc_change_z
            + effect["mgmt_methylated"] * self.is_mgmt_methylated
            + effect["exosome_change_z"] * self.exosome_change_z
        )


def _logistic(log_odds: float) -> float:
    return 1 / (1 + exp(-log_odds))


@dataclass(frozen=True)
class LateReport:
    """A value observed before a patient's landmark and reported after it: a feature that shows it looked ahead.

    table, marker: silver table and its analyte or marker. Times are ISO 8601 in UTC. visible_before: the value that
    a reader at the landmark may see instead (None: none for this event).
    """

    table: str
    site_id: str
    patient_id: str
    sample_id: str | None
    marker: str
    value: float
    unit: str
    event_time: str
    known_time: str
    landmark_time: str
    visible_before: float | None
    file: str


@dataclass(frozen=True)
class TruePatient:
    """A patient's latent covariates and fate. Days count from the first fraction; identifiers are the site's own.

    pfs_days: to progression, or to the end of OS without one; is_progressed: progression was seen, which no death is.
    is_true_progression: what apparent progression in week 8 is; None where there was none. pseudoprogression: what the
    files say of it (true or false), None where nobody could tell.
    """

    patient_id: str
    site_id: str
    first_fraction_time: str
    landmark_time: str
    latent: Latent
    trajectory_group: str
    survival_lp: float
    progression_lp: float
    response_probability: float
    true_progression_probability: float
    os_days: int
    is_dead: bool
    pfs_days: int
    is_progressed: bool
    is_dead_without_progression: bool
    is_responder: bool | None
    is_true_progression: bool | None
    pseudoprogression: bool | None
    hypotensive_minutes: int
    observed_minutes: int
    modalities: tuple[str, ...]


@dataclass(frozen=True)
class Truth:
    """What was put into the cohort: effects, patients, the planted late reports and the orphans."""

    seed: int
    n_patients: int
    patients: tuple[TruePatient, ...]
    planted_late_report: tuple[LateReport, ...]
    orphan_samples: tuple[str, ...]
    late_specimens: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """The truth with the declared effects, as plain data."""
        return {
            "landmark_days": LANDMARK_DAYS,
            "survival_log_hazard": SURVIVAL_LOG_HAZARD,
            "response_log_odds": RESPONSE_LOG_ODDS,
            "progression": {"share_of_survival_lp": PROGRESSION_SHARE, "burden_z": PROGRESSION_BURDEN},
            "trajectory_groups": TRAJECTORY_GROUPS,
            "true_progression_log_odds": TRUE_PROGRESSION_LOG_ODDS,
            "mgmt_on_imaging_sd": MGMT_ON_IMAGING,
            "kinetics": KINETICS,
            "hypotension": {
                "threshold_mmhg": MAP_THRESHOLD_MMHG,
                "precursor_minutes": PRECURSOR_MINUTES,
                "precursor_hr_rise_per_min": PRECURSOR_HR_RISE_PER_MIN,
                "precursor_pulse_pressure_fall_mmhg": PRECURSOR_PULSE_PRESSURE_FALL_MMHG,
            },
            **asdict(self),
        }
