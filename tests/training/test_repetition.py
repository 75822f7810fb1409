"""Further seeds draw other folds; their spread is over seeds, and the processes they run in change nothing."""

import time
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from tests.training.datasets import planted
from training import parallel
from training.evaluate import VERSUS_REFERENCE, evaluate, folds_of
from training.parallel import each
from training.repetition import again, repeated, summarised


def test_seeds_are_evaluated_on_folds_of_their_own_and_compared_in_pairs() -> None:
    data = planted(60)
    candidate = replace(data.task.candidate("clinical_logistic"), uses=list)
    reference = {seed: again(data, data.task.candidates[1], 3, seed) for seed in (0, 1, 2)}
    first = evaluate(data, candidate, folds_of(data, 3, 0), 0, reference[0], n_samples=0)
    found = repeated(data, candidate, 3, (0, 1, 2), first, reference)
    aurocs = [found.values[seed]["auroc"] for seed in (0, 1, 2)]
    assert aurocs[0] == first.estimates["auroc"].value
    assert len(set(aurocs)) == 3
    assert found.values[2]["auroc"] == again(data, candidate, 3, 2).estimates["auroc"].value
    spread = found.spread["auroc"]
    assert (spread.mean, spread.sd, spread.n) == (np.mean(aurocs), np.std(aurocs, ddof=1), 3)
    gaps = [found.values[s]["auroc"] - reference[s].estimates["auroc"].value for s in (0, 1, 2)]
    assert found.spread[VERSUS_REFERENCE].mean == pytest.approx(np.mean(gaps))


def test_a_metric_that_a_seed_lacks_is_taken_over_the_others() -> None:
    found = summarised({0: {"x": 1.0, "y": np.nan}, 1: {"x": 3.0}}).spread
    assert (found["x"].mean, found["x"].n) == (2.0, 2)
    assert found["y"].n == 0
    assert np.isnan(found["y"].mean)
    assert np.isnan(summarised({0: {"x": 1.0}}).spread["x"].sd)


def test_short_work_stays_here() -> None:
    assert list(each([partial(abs, -n) for n in range(5)], jobs=2)) == [0, 1, 2, 3, 4]


@pytest.mark.slow
def test_processes_change_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    data = planted(60)
    candidate = replace(data.task.candidate("elastic_net"), uses=list)
    folds = folds_of(data, 3, 0)
    here = evaluate(data, candidate, folds, 0)
    monkeypatch.setattr(parallel, "PAYS_FROM_S", 0.0)
    monkeypatch.setattr(parallel, "PAYS_WHEN_STARTED_FROM_S", 0.0)
    there = evaluate(data, candidate, folds, 0, jobs=2)
    assert (there.predictions.score == here.predictions.score).all()
    assert there.estimates == here.estimates
    assert there.chosen == here.chosen
    start = time.perf_counter()
    assert list(each([partial(time.sleep, 0.4)] * 9, jobs=2)) == [None] * 9
    assert time.perf_counter() - start < 9 * 0.4  # the first here, eight by two
