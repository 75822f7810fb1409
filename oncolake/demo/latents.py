"""What is true of each patient before anything happens: drawn as `truth` declares it."""

import numpy as np

from oncolake.demo import truth
from oncolake.demo.truth import Latent

GROUPS = tuple(truth.TRAJECTORY_GROUPS)


def draw_latent(rng: np.random.Generator, tumour_rng: np.random.Generator) -> Latent:
    """A patient. rng draws the clinic and the blood, tumour_rng the trajectory group and what scans will show."""
    rho = truth.IL6_CXCL8_CORRELATION
    il6, other, ifng, exosome, burden = rng.standard_normal(5)
    group = GROUPS[int(tumour_rng.integers(len(GROUPS)))]
    rcbv, adc = tumour_rng.standard_normal(2)
    cxcl8 = rho * il6 + (1 - rho**2) ** 0.5 * other
    return Latent(
        age_years=float(np.clip(57 + 11 * rng.standard_normal(), 24, 84)),
        kps=int(rng.choice([60, 70, 80, 90, 100], p=[0.07, 0.20, 0.33, 0.30, 0.10])),
        is_mgmt_methylated=bool(rng.random() < truth.MGMT_SHARE),
        is_hypermutated=bool(rng.random() < 0.10),
        burden_z=float(burden),
        il6_change_z=_in_group(group, "il6_change_z", il6),
        cxcl8_change_z=_in_group(group, "cxcl8_change_z", cxcl8),
        ifng_change_z=_in_group(group, "ifng_change_z", ifng),
        exosome_change_z=_in_group(group, "exosome_change_z", exosome),
        trajectory_group=group,
        rcbv_change_z=float(rcbv),
        adc_change_z=float(adc),
    )


def _in_group(group: str, change: str, own: float) -> float:
    """The change of a member of the group who stands `own` SD from its mean; SD 1 over all groups."""
    means = [of_group[change] for of_group in truth.TRAJECTORY_GROUPS.values()]
    return float(truth.TRAJECTORY_GROUPS[group][change] + (1 - np.var(means)) ** 0.5 * own)
