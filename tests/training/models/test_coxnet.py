"""The Cox elastic net where there are few events for many columns."""

import numpy as np
import pandas as pd
import pytest
from sksurv.linear_model import CoxnetSurvivalAnalysis

from training.models.paths import CoxPath
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


@pytest.mark.parametrize("alphas", [None, [0.5, 0.1, 0.001, 0.0001], [0.0001]])
def test_a_path_ends_where_penalties_have_no_solution_any_more(alphas: list[float] | None) -> None:
    frame, target = few_events()
    path = CoxPath(alphas).fit(frame, target)
    scores = path.scores(frame)
    assert scores.shape == (60, len(path.alphas or ()))
    assert np.isfinite(scores).all()
    # Known strengths again on other rows, as the folds of a stack do.
    fewer = path.again().fit(frame.iloc[:40], target[:40])
    assert fewer.scores(frame).shape == scores.shape
    if alphas is not None and len(alphas) > 1:
        plain = CoxnetSurvivalAnalysis(l1_ratio=0.5, alphas=alphas[:2], max_iter=20_000)
        plain.fit(path.prepare_.transform(frame.to_numpy()), target)
        np.testing.assert_allclose(path.coefficients_[:, :2], plain.coef_)
        np.testing.assert_array_equal(path.coefficients_[:, -1], path.coefficients_[:, -2])
