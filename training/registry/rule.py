"""When a model becomes the champion. All of it is declared here, and nothing else decides."""

import math
from dataclasses import dataclass

from training.registry.ground import Compared, Difference

MARGIN = 0.05
"""What the 95 % interval of the difference in the primary metric must exclude losing. A cohort of a hundred cannot show
a gain of a few hundredths beyond chance, so no more than a gain is asked, and that a real loss is unlikely."""
CALIBRATION_MARGIN = 0.05
"""How much larger the calibration error may come out where chance can explain the difference; in probability."""
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class Evidence:
    """What is known of a challenger, on its own folds.

    trivial, reference: against the task's trivial baseline and against its clinical one. champion: against the one of
    now, None where there is none or it is the same procedure on other data. permutation_p: NaN where the plan had no
    permutations.
    """

    trivial: Compared
    reference: Compared
    champion: Compared | None
    permutation_p: float = math.nan


def objections(evidence: Evidence) -> list[str]:
    """Why the challenger is not promoted, a clause each; [] where it is.

    Promoted is who beats the trivial baseline beyond chance (the interval of the difference lies above zero); beats
    the clinical baseline and the champion by the point estimate, with an interval that excludes a loss of more than
    MARGIN; is not worse calibrated than either (an error larger by more than CALIBRATION_MARGIN, or larger beyond
    chance); and, where labels were permuted, was reached by fewer than SIGNIFICANT of the permutations.
    """
    found = []
    trivial = evidence.trivial.primary
    if not trivial.low > 0:
        found.append(f"it is not better than {evidence.trivial.other} beyond chance ({_figures(trivial)})")
    for against in filter(None, (evidence.reference, evidence.champion)):
        primary = against.primary
        if not primary.value > 0:
            found.append(f"it is not better than {against.other} ({_figures(primary)})")
        elif not primary.low > -MARGIN:
            found.append(f"it may lose more than {MARGIN} against {against.other} ({_figures(primary)})")
        calibration = against.calibration
        if calibration is not None and (calibration.low > 0 or calibration.value > CALIBRATION_MARGIN):
            found.append(f"it is worse calibrated than {against.other} (error {_figures(calibration)})")
    if evidence.permutation_p >= SIGNIFICANT:
        found.append(f"permuted labels reach as much with p = {evidence.permutation_p:.2f}")
    return found


def _figures(of: Difference) -> str:
    span = f", 95 % interval {of.low:+.3f} to {of.high:+.3f}" if math.isfinite(of.low) else ""
    return f"{of.own:.3f} against {of.other:.3f}, difference {of.value:+.3f}{span}"
