"""The rule of promotion, figure by figure."""

from dataclasses import replace

import pytest

from training.registry.ground import Compared, Difference
from training.registry.rule import Evidence, objections

TRIVIAL = Compared("kaplan_meier", Difference(0.70, 0.50, 0.10, 0.30), None)
REFERENCE = Compared("clinical_cox", Difference(0.70, 0.62, -0.02, 0.18), Difference(0.05, 0.06, -0.04, 0.02))
CHAMPION = Compared("the champion", Difference(0.70, 0.68, -0.03, 0.07), Difference(0.05, 0.05, -0.03, 0.03))
GOOD = Evidence(TRIVIAL, REFERENCE, CHAMPION)


def test_a_gain_with_a_loss_excluded_is_enough() -> None:
    assert objections(GOOD) == []
    assert objections(replace(GOOD, champion=None)) == []


def against_champion(primary: Difference, calibration: Difference | None = CHAMPION.calibration) -> Evidence:
    return replace(GOOD, champion=Compared("the champion", primary, calibration))


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (
            replace(GOOD, trivial=Compared("kaplan_meier", Difference(0.55, 0.5, -0.01, 0.11), None)),
            "it is not better than kaplan_meier beyond chance (0.550 against 0.500, difference +0.050, 95 % interval "
            "-0.010 to +0.110)",
        ),
        (against_champion(Difference(0.70, 0.70, -0.03, 0.03)), "it is not better than the champion"),
        (against_champion(Difference(0.70, 0.69, -0.06, 0.08)), "it may lose more than 0.05 against the champion"),
        (
            against_champion(CHAMPION.primary, Difference(0.08, 0.05, 0.01, 0.05)),
            "it is worse calibrated than the champion (error 0.080 against 0.050",
        ),
        (against_champion(CHAMPION.primary, Difference(0.11, 0.05, -0.01, 0.13)), "it is worse calibrated"),
        (replace(GOOD, permutation_p=0.2), "permuted labels reach as much with p = 0.20"),
        (against_champion(Difference(0.70, 0.68, float("nan"), float("nan"))), "it may lose more than 0.05"),
    ],
)
def test_each_fault_is_named_with_its_figures(evidence: Evidence, said: str) -> None:
    (only,) = objections(evidence)
    assert said in only


def test_a_permutation_test_that_was_passed_or_not_made_is_no_fault() -> None:
    assert objections(replace(GOOD, permutation_p=0.01)) == []
