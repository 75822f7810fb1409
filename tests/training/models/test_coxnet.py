"""The Cox elastic net where there are few events for many columns."""

import numpy as np
import pandas as pd
import pytest
from sksurv.linear_model import CoxnetSurvivalAnalysis

from training.models.survival import coxnet, outcome

WEAK = {"model__l1_ratio": 0.1, "model__alphas": [0.001]}


def few_events() -> tuple[pd.DataFrame, np.ndarray]:
    values = np.random.default_rng(0).standard_normal((60, 150))
    frame = pd.DataFrame((values - values.mean(axis=0)) / values.std(axis=0)).add_prefix("cytokine_kinetics__x")
    event = np.arange(60) < 4
    return frame, outcome(np.where(event, 10.0 + np.arange(60), 100.0), event)


def test_a_penalty_too_weak_for_a_solution_is_doubled_until_there_is_one() -> None:
    frame, target = few_events()
    with pytest.raises(ArithmeticError):
        CoxnetSurvivalAnalysis(l1_ratio=0.1, alphas=[0.001], max_iter=20_000).fit(frame, target)
    model = coxnet(frame, 0).set_params(**WEAK).fit(frame, target)
    assert model[-1].alphas_[0] > 0.001
    assert model[-1].alphas == [0.001]
    assert np.isfinite(model.predict(frame)).all()


def test_a_penalty_that_has_a_solution_is_used_as_it_is() -> None:
    frame, target = few_events()
    model = coxnet(frame, 0).set_params(model__alphas=[0.1]).fit(frame, target)
    plain = CoxnetSurvivalAnalysis(l1_ratio=0.5, alphas=[0.1], max_iter=20_000).fit(model[:-1].transform(frame), target)
    assert np.count_nonzero(plain.coef_)
    np.testing.assert_allclose(model[-1].coef_, plain.coef_)
