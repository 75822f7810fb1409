"""A logged model in use, without MLflow: its two doors, what may be missing, and what is refused."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from infra.errors import UsageError
from tests.training import synthetic
from training.columns import DAYS_BEFORE, MEASURES, OBSERVED_AT, TOKEN_MODALITIES, VALUES
from training.registry.servable import Servable, aligned
from training.registry.serving import Serving

IL6, AGE = "cytokine_kinetics__il6_log2_change", "clinical_profile__age_years"
SERVING = Serving("treatment_response", "classes", "patient_id", "treatment_response_v1", "d" * 64, (AGE, IL6))
TIME = pd.Timestamp("2025-06-30", tz="UTC")


class Sum:
    """Answers with what it was given: a hundredth of the sum of a row, what is missing counted as 0."""

    def __init__(self) -> None:
        self.seen = pd.DataFrame()

    def predict_proba(self, X: pd.DataFrame) -> Any:
        self.seen = X
        p = X.select_dtypes("number").fillna(0).sum(axis="columns").to_numpy() / 100
        return np.column_stack([1 - p, p])


def served(features: pd.DataFrame, serving: Serving = SERVING, **others: Any) -> tuple[Servable, list[pd.DataFrame]]:
    """A model whose store holds these features, one row for each row asked; and the labels that the store was asked."""
    asked: list[pd.DataFrame] = []

    def retrieve(labels: pd.DataFrame) -> synthetic.Retrieved:
        asked.append(labels)
        return synthetic.retrieved(serving.service, labels, features, **others)

    return Servable(Sum(), serving, retrieve), asked


def questions(*patients: str, time: object = TIME) -> pd.DataFrame:
    return pd.DataFrame({"patient_id": list(patients), "event_timestamp": [time] * len(patients)})


def test_features_are_fetched_by_entity_and_time_and_the_index_of_the_question_stays() -> None:
    model, asked = served(pd.DataFrame({IL6: [1.0, np.nan], "burden__tmb": [9.0, 9.0], AGE: [50.0, 60.0]}))
    answer = model.predict(questions("a", "b").set_axis([7, 3]))
    assert answer.index.tolist() == [7, 3]
    assert answer["probability"].tolist() == [0.51, 0.60]
    assert answer["known_share"].tolist() == [1.0, 0.5]
    assert asked[0]["patient_id"].tolist() == ["a", "b"]
    assert asked[0]["event_timestamp"].tolist() == [TIME, TIME]
    assert model.estimator.seen.columns.tolist() == [AGE, IL6]


def test_features_that_are_given_are_not_fetched_and_absent_ones_are_missing() -> None:
    model, asked = served(pd.DataFrame())
    answer = model.predict(pd.DataFrame({IL6: [2.0]}))
    assert answer["probability"].tolist() == [0.02]
    assert answer["known_share"].tolist() == [0.5]
    assert not asked


def test_a_modality_that_the_store_has_not_is_missing_and_a_history_is_none() -> None:
    history = (MEASURES, TOKEN_MODALITIES, VALUES, DAYS_BEFORE)
    serving = replace(SERVING, columns=(AGE, IL6, *history))
    model, _ = served(pd.DataFrame({AGE: [50.0]}), serving)
    assert model.predict(questions("a"))["probability"].tolist() == [0.5]
    seen = model.estimator.seen
    assert np.isnan(seen.loc[0, IL6])
    assert [seen.loc[0, c] for c in history] == [None] * 4


def test_a_history_is_counted_in_days_before_the_question() -> None:
    serving = replace(SERVING, columns=(AGE, MEASURES, TOKEN_MODALITIES, VALUES, DAYS_BEFORE))
    row: dict[str, list[Any]] = {AGE: [50.0], MEASURES: [["IL6"]], TOKEN_MODALITIES: [["cytokines"]], VALUES: [[1.5]]}
    model, _ = served(pd.DataFrame(row | {OBSERVED_AT: [[TIME - pd.Timedelta(days=2)]]}), serving)
    model.predict(questions("a"))
    assert model.estimator.seen.loc[0, DAYS_BEFORE].tolist() == [2.0]


def test_columns_are_brought_into_the_order_of_training() -> None:
    frame = aligned(pd.DataFrame({"b": [1.0], "c": [2.0]}), ("a__x", "b"))
    assert frame.columns.tolist() == ["a__x", "b"]
    assert frame["b"].tolist() == [1.0]


@pytest.mark.parametrize("time", ["2025-06-30T00:00:00+00:00", TIME.tz_convert("Europe/Paris"), TIME.to_pydatetime()])
def test_times_may_be_text_and_of_any_zone(time: object) -> None:
    model, asked = served(pd.DataFrame({AGE: [50.0]}))
    model.predict(questions("a", time=time))
    assert asked[0]["event_timestamp"].tolist() == [TIME]


def test_years_that_nanoseconds_cannot_hold_are_asked_as_they_are() -> None:
    model, asked = served(pd.DataFrame({AGE: [50.0]}))
    model.predict(questions("a", time="2450-01-02T00:00:00+00:00"))
    assert asked[0]["event_timestamp"][0].year == 2450


@pytest.mark.parametrize("time", [pd.Timestamp("2025-06-30"), "2025-06-30", "soon"])
def test_times_without_a_zone_are_refused_and_not_guessed(time: object) -> None:
    model, _ = served(pd.DataFrame({AGE: [50.0]}))
    with pytest.raises(UsageError, match="event_timestamp holds no time with a zone in 1 rows"):
        model.predict(questions("a", time=time))


def test_a_question_without_whom_or_when_is_refused() -> None:
    model, _ = served(pd.DataFrame({AGE: [50.0]}))
    with pytest.raises(UsageError, match="no column patient_id, which says whom"):
        model.predict(questions("a").drop(columns="patient_id"))
    with pytest.raises(UsageError, match="patient_id is empty in 1 rows"):
        model.predict(questions("a").assign(patient_id=None))


def test_features_that_mean_something_else_now_are_refused() -> None:
    model, _ = served(pd.DataFrame({AGE: [50.0]}), definitions_hash="other")
    with pytest.raises(UsageError, match="treatment_response_v1 are defined otherwise now"):
        model.predict(questions("a"))


def test_no_question_has_no_answer() -> None:
    model, asked = served(pd.DataFrame())
    assert model.predict(questions()).columns.tolist() == ["probability", "known_share"]
    assert not asked


def test_what_is_needed_survives_its_file() -> None:
    serving = replace(SERVING, kind="survival", horizons_days={"12m": 365.0})
    assert Serving.from_json(serving.to_json()) == serving
    assert serving.outputs == ["risk", "event_free_12m", "known_share"]
