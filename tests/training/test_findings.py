"""What is found below a run is told by the run: names, numbers and files."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.training.datasets import planted
from training.ablation import Part
from training.evaluate import Estimate, evaluate, folds_of
from training.flow.children import Piece
from training.flow.findings import of_ablations, of_attention
from training.models.attention.explain import by_modality_and_time, out_of_fold, time_bins


def estimate(value: float) -> Estimate:
    return Estimate(value, value - 0.1, value + 0.1, value, 0.05, 3)


class Looking:
    """A model whose attention goes to the first measure of each row, all of it."""

    def __init__(self, days: float) -> None:
        self.days = days

    def attention(self, X: pd.DataFrame) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "row": X.index,
                "modality": "cytokines",
                "measure": "il6",
                "days_before": self.days,
                "weight": 1.0,
                "contribution": np.where(np.arange(len(X)) % 2, 1.0, -1.0),
            }
        )


class OfCauses:
    def __init__(self, event: Looking) -> None:
        self.event_ = event


def test_what_a_modality_adds_is_what_is_lost_without_it() -> None:
    data = planted(45)
    candidate = data.task.candidate("clinical_logistic")
    whole = evaluate(data, candidate, folds_of(data, 3, 0), 0, n_samples=20)
    pieces = {
        Part("without", "cytokines"): Piece({"auroc": estimate(0.6)}, estimate(-0.2)),
        Part("alone", "cytokines"): Piece({"auroc": estimate(0.75)}, estimate(-0.05)),
    }
    found = of_ablations(whole, "auroc", pieces, whole)
    assert found.metrics == pytest.approx(
        {
            "adds_cytokines": 0.2, "adds_cytokines_low": 0.1, "adds_cytokines_high": 0.3,
            "alone_cytokines": 0.75, "alone_cytokines_low": 0.65, "alone_cytokines_high": 0.85,
        }
    )  # fmt: skip
    assert set(found.figures) == {"ablation.png"}
    assert set(found.documents) == {"ablation.json"}
    assert of_ablations(whole, "auroc", {}, whole) == type(found)()


def test_attention_is_told_of_patients_that_the_model_never_saw() -> None:
    data = planted(45)
    folds = folds_of(data, 3, 0)
    whole = evaluate(data, data.task.candidate("clinical_logistic"), folds, 0, n_samples=0)
    assert of_attention(data, whole, folds) == type(of_attention(data, whole, folds))()  # this model has none
    models = [Looking(3.0), Looking(30.0), OfCauses(Looking(np.nan))]
    found = of_attention(data, replace(whole, models=models), folds)
    times = pd.DataFrame(found.documents["attention.json"]["by_modality_and_time"])  # type: ignore[index]
    share = times.set_index("days_before")["weight"].to_dict()
    tested = [len(fold.test) / 45 for fold in folds]
    assert share == pytest.approx(dict(zip(["0 to 7 d", "21 to 35 d", "undated"], tested, strict=True)))
    assert set(found.figures) == {"attention.png"}


def test_bins_of_time_hold_every_measurement() -> None:
    days = [0.0, 6.9, 7.0, 60.0, 400.0, np.nan]
    found = pd.DataFrame(
        {"row": range(6), "modality": "m", "measure": "x", "days_before": days, "weight": 1.0, "contribution": 1.0}
    )
    times = by_modality_and_time(found)
    assert times["weight"].sum() == pytest.approx(1.0)
    assert set(times["days_before"]) <= set(time_bins())
    assert out_of_fold([object()], [found], list) is None
