"""The attention model on the demo's patients: what was planted is found, seen, and not needed to be there."""

from functools import cache

import cloudpickle
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sksurv.metrics import concordance_index_censored

from tests.training.models.cohort import Cohort, cohort
from training.columns import DAYS_BEFORE, HISTORY_COLUMNS, MEASURES, TOKEN_MODALITIES, VALUES
from training.models.attention import attention_classes, attention_survival, uses_history
from training.models.attention.estimator import AttentionClasses, AttentionSurvival
from training.models.attention.explain import by_measure, by_modality_and_time
from training.models.survival import cause_specific, outcome, survival_at
from training.splits import grouped_folds

ORDER = (MEASURES, TOKEN_MODALITIES, VALUES, DAYS_BEFORE)


@cache
def patients() -> Cohort:
    return cohort(160, 11)


def seen(rows: np.ndarray) -> pd.DataFrame:
    frame = patients().features.iloc[rows].reset_index(drop=True)
    return frame[uses_history(list(frame.columns))]


@cache
def of_survival() -> AttentionSurvival:
    model: AttentionSurvival = attention_survival(None, 0).fit(seen(patients().survival_rows), patients().survival)
    return model


@cache
def of_response() -> AttentionClasses:
    model: AttentionClasses = attention_classes(None, 0).fit(seen(patients().response_rows), patients().response)
    return model


def planted(n: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Histories of 20 independent measures at three visits, a seventh missing; the log hazard that two of them make."""
    rng = np.random.default_rng(8)
    names = ["changing", "level", *(f"noise {i}" for i in range(18))]
    rows, log_risk = [], np.empty(n)
    for i in range(n):
        level, change = rng.standard_normal((2, len(names)))
        log_risk[i] = 1.2 * change[0] + 1.2 * level[1]
        history = [
            (name, "cytokines" if k < 10 else "exosomes", level[k] + share * change[k] + 0.2 * rng.normal(), before)
            for k, name in enumerate(names)
            for before, share in ((42.0, 0.0), (28.0, 0.8), (14.0, 1.0))
            if rng.random() < 6 / 7
        ]
        rows.append([np.array(a) for a in zip(*history, strict=True)])
    columns = {c: pd.Series([r[k] for r in rows], dtype=object) for k, c in enumerate(ORDER)}
    return pd.DataFrame(columns), log_risk


def test_it_sees_the_history_and_what_is_not_in_it() -> None:
    columns = list(patients().features.columns)
    used = uses_history(columns)
    assert set(HISTORY_COLUMNS) <= set(used)
    assert "clinical_profile__age_years" in used
    assert not [c for c in used if c.startswith(("cytokine_kinetics", "exosome_summary", "imaging_measures"))]
    numbers = [c for c in columns if c not in HISTORY_COLUMNS]
    assert uses_history(numbers) == numbers


@pytest.mark.slow
def test_predictions_for_patients_not_seen_beat_chance_and_permuted_labels_do_not() -> None:
    whole, target = seen(patients().survival_rows), patients().survival
    risk = np.empty(len(whole))
    for fold in grouped_folds(np.arange(len(whole)), target["event"], 3, 0):
        model = attention_survival(None, 0).fit(whole.iloc[fold.train], target[fold.train])
        risk[fold.test] = model.predict(whole.iloc[fold.test])
    assert concordance_index_censored(target["event"], target["time"], risk)[0] > 0.68
    whole, truth = seen(patients().response_rows), patients().response
    shuffled = np.random.default_rng(1).permutation(truth)
    areas = []
    for labels in (truth, shuffled):
        score = np.empty(len(truth))
        for fold in grouped_folds(np.arange(len(whole)), labels, 3, 0):
            model = attention_classes(None, 0).fit(whole.iloc[fold.train], labels[fold.train])
            score[fold.test] = model.predict_proba(whole.iloc[fold.test])[:, 1]
        areas.append(roc_auc_score(labels, score))
    assert areas[0] > 0.75
    assert 0.3 < areas[1] < 0.68


@pytest.mark.parametrize("kind", ["survival", "classes"])
def test_attention_and_contributions_are_highest_on_planted_drivers(kind: str) -> None:
    """The change of one measure and the level of another drive the outcome; eighteen others are as good as noise."""
    frame, log_risk = planted(140)
    rng = np.random.default_rng(4)
    if kind == "survival":
        death, end = rng.exponential(300 * np.exp(-log_risk)), rng.uniform(100, 1500, len(frame))
        model = attention_survival(None, 0).fit(frame, outcome(np.minimum(death, end), death <= end))
    else:
        model = attention_classes(None, 0).fit(frame, rng.random(len(frame)) < 1 / (1 + np.exp(-1.5 * log_risk)))
    found = by_measure(model.attention(frame))
    for order in (found, found.sort_values("weight", ascending=False)):
        assert set(order["measure"][:2]) == {"changing", "level"}
    moved = found.set_index("measure")["contribution"]
    assert moved[["changing", "level"]].min() > 2 * moved.drop(["changing", "level"]).max()


def test_on_the_demos_patients_the_drivers_are_among_the_first() -> None:
    """Among, because measures go along with each other there: IFNG with both drivers of survival, IL6 with CXCL8."""
    found = by_measure(of_survival().attention(seen(patients().survival_rows)))
    assert {"IL6", "concentration_per_ml"} <= set(found["measure"][:3])
    assert {"IL6", "concentration_per_ml"} <= set(found.sort_values("weight", ascending=False)["measure"][:3])
    found = by_measure(of_response().attention(seen(patients().response_rows)))
    assert {"CXCL8", "IFNG"} <= set(found["measure"][:3])
    assert {"CXCL8", "IFNG"} <= set(found.sort_values("weight", ascending=False)["measure"][:3])


def test_weights_are_shares_and_contributions_add_up_to_the_prediction() -> None:
    whole = seen(patients().response_rows)
    found = of_response().attention(whole)
    assert (found["weight"] >= 0).all()
    assert (found.groupby("row")["weight"].sum() < 1).all()
    probability = of_response().predict_proba(whole)[:, 1]
    log_odds = np.log(probability / (1 - probability))
    moved = found.groupby("row")["contribution"].sum().reindex(whole.index, fill_value=0.0)
    np.testing.assert_allclose((log_odds - moved).std(), 0.0, atol=1e-4)
    summary = by_modality_and_time(found)
    np.testing.assert_allclose(summary["weight"].sum(), found["weight"].sum() / found["row"].nunique())
    assert "undated" in set(summary.loc[summary["modality"] == "clinical", "days_before"])


@pytest.mark.parametrize("gone", ["cytokines", "exosomes", "imaging", "everything"])
def test_a_modality_may_be_missing_at_prediction(gone: str) -> None:
    rows = seen(patients().response_rows).iloc[:6].copy()
    whole = of_response().predict_proba(rows)[:, 1]
    less = rows.copy()
    if gone == "everything":
        less[list(HISTORY_COLUMNS)] = None
        less[[c for c in less if c not in HISTORY_COLUMNS]] = np.nan
    else:
        masks = [None if m is None else np.asarray(m) != gone for m in rows[TOKEN_MODALITIES]]
        for column in HISTORY_COLUMNS:
            kept = [None if k is None else np.asarray(v)[k] for k, v in zip(masks, rows[column], strict=True)]
            less[column] = pd.Series(kept, index=rows.index, dtype=object)
    found = of_response().predict_proba(less)[:, 1]
    assert np.isfinite(found).all()
    assert not np.allclose(found, whole, atol=1e-3) or gone == "imaging"
    if gone == "everything":
        assert np.ptp(found) < 1e-6


def test_an_unknown_measure_is_left_out_and_a_history_without_values_trains() -> None:
    rows = seen(patients().response_rows)
    renamed = rows.iloc[:4].copy()
    renamed[MEASURES] = pd.Series([None if m is None else np.array([f"new {x}" for x in m]) for m in renamed[MEASURES]])
    assert np.isfinite(of_response().predict_proba(renamed)).all()
    nothing = rows.copy()
    nothing[list(HISTORY_COLUMNS)] = None
    nothing = nothing[list(HISTORY_COLUMNS)]
    model = attention_classes(None, 0).fit(nothing, patients().response)
    np.testing.assert_allclose(model.predict_proba(nothing)[:, 1], patients().response.mean(), atol=1e-3)


def test_a_seed_gives_one_model_that_is_cloned_and_pickled() -> None:
    rows = seen(patients().response_rows)
    again = clone(of_response()).fit(rows, patients().response)
    np.testing.assert_array_equal(again.predict_proba(rows), of_response().predict_proba(rows))
    kept = cloudpickle.loads(cloudpickle.dumps(of_response()))
    np.testing.assert_array_equal(kept.predict_proba(rows), again.predict_proba(rows))
    assert (AttentionClasses(seed=5).get_params()["seed"], AttentionClasses(l1=0.2).l1) == (5, 0.2)


def test_curves_fall_from_one_and_follow_the_observed_survival() -> None:
    whole, target = seen(patients().survival_rows), patients().survival
    times = np.linspace(0.0, 500.0, 11)
    curves = survival_at(of_survival(), whole, times)
    assert (np.diff(curves, axis=1) <= 1e-9).all()
    assert (curves[:, 0] == 1).all()
    lived = (target["time"] > 365) | ~target["event"]
    assert curves[lived, 7].mean() > curves[~lived, 7].mean() + 0.1


def test_each_cause_may_have_an_attention_model() -> None:
    whole, target = seen(patients().recurrence_rows), patients().recurrence
    model = cause_specific(None, 0, inner="attention_survival").fit(whole, target)
    curves = survival_at(model, whole, np.array([100.0, 300.0, 600.0]))
    assert (np.diff(curves, axis=1) <= 1e-9).all()
    # What the first scan shows overrules the planted hazard, so little is to be had.
    assert model.score(whole, target) > 0.57
