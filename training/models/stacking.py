"""Weights of a few scores by penalised likelihood, none of them negative."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

Floats = npt.NDArray[np.float64]
Loss = Callable[[Floats], tuple[float, Floats]]
"""Weights -> (minus the log-likelihood, its gradient)."""


def cox_gradient(scores: Floats, event: npt.NDArray[np.bool_], time: Floats) -> Loss:
    """Minus the log partial likelihood (Cox 1972, ties after Breslow 1974) of `scores @ weights`."""
    order = np.argsort(-np.asarray(time), kind="stable")
    x, dies, t = scores[order], np.asarray(event, float)[order], np.asarray(time)[order]
    last = np.searchsorted(-t, -t, side="right") - 1  # everyone with the same time is at risk

    def loss(weights: Floats) -> tuple[float, Floats]:
        risk = x @ weights
        top = risk.max()
        hazard = np.exp(risk - top)
        total = np.cumsum(hazard)[last]
        mean = np.cumsum(hazard[:, None] * x, axis=0)[last] / total[:, None]
        return -float(dies @ (risk - top - np.log(total))), -(dies @ (x - mean))

    return loss


def logistic_gradient(scores: Floats, truth: npt.NDArray[np.bool_]) -> Loss:
    """Minus the log-likelihood of the logistic model; the last weight is the intercept."""
    x, y = np.column_stack([scores, np.ones(len(scores))]), np.asarray(truth, float)

    def loss(weights: Floats) -> tuple[float, Floats]:
        logit = x @ weights
        p = 1.0 / (1.0 + np.exp(-logit))
        return float(np.logaddexp(0.0, logit).sum() - y @ logit), x.T @ (p - y)

    return loss


def nonnegative(loss: Loss, n: int, *, ridge: float, n_free: int = 0) -> Floats:
    """The n weights >= 0 that minimise `loss` + ridge / 2 * their squares, and after them `n_free` of either sign."""
    penalised = np.concatenate([np.full(n, ridge), np.zeros(n_free)])
    if not len(penalised):
        return np.zeros(0)

    def objective(weights: Floats) -> tuple[float, Floats]:
        value, slope = loss(weights)
        return value + 0.5 * float(penalised @ weights**2), slope + penalised * weights

    bounds = [(0.0, None)] * n + [(None, None)] * n_free
    found = minimize(objective, np.zeros(n + n_free), jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x, float)
