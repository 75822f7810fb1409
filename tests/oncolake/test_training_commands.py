"""What `oncolake train` says of tasks that were not trained, and when that is a failure."""

import pytest

from oncolake.commands.training import say_refused
from training.run import Trained

DONE = Trained("overall_survival")
SMALL = Trained("recurrence", refused="recurrence has 8 patients; 5 folds need at least 10.")
ELSEWHERE = Trained("mgmt_from_tumour", refused="No row meets the cohort rule.", has_cohort=False)


@pytest.mark.parametrize(
    ("trained", "are_all", "is_failure", "said"),
    [
        ([DONE], True, False, ""),
        ([DONE, ELSEWHERE], True, False, "oncolake: This lake has no cohort for mgmt_from_tumour"),
        ([DONE, ELSEWHERE], False, True, "oncolake: mgmt_from_tumour was not trained. No row meets the cohort rule."),
        ([DONE, SMALL], True, True, "oncolake: recurrence was not trained. recurrence has 8 patients"),
        ([ELSEWHERE], True, True, "oncolake: This lake has no cohort for mgmt_from_tumour"),
    ],
)
def test_a_task_about_other_patients_fails_only_who_asked_for_it(
    capsys: pytest.CaptureFixture[str], trained: list[Trained], are_all: bool, is_failure: bool, said: str
) -> None:
    assert say_refused(trained, are_all=are_all) is is_failure
    told = capsys.readouterr().err
    assert told.startswith(said)
    assert told.count("\n") == (1 if said else 0)
