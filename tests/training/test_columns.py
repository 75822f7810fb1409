"""What models see of retrieved features: numbers, arrays by name, and each patient's history before the prediction."""

import numpy as np
import pandas as pd

from training.columns import DAYS_BEFORE, MEASURES, OBSERVED_AT, TOKEN_MODALITIES, VALUES, model_columns
from training.modalities import columns_of, single_numbers

AT = pd.Series(pd.to_datetime(["2024-03-11T12:00Z", "2024-03-12T00:00Z"]))


def test_arrays_become_columns_by_name_whatever_their_order() -> None:
    frame = pd.DataFrame(
        {
            "imaging_measures__measures": [np.array(["a", "b"]), np.array(["b"])],
            "imaging_measures__last": [np.array([1.0, 2.0]), np.array([3.0])],
            "imaging_measures__n_regions": [2, 1],
            "clinical_profile__note": ["x", "y"],
        }
    )
    columns, left_out = model_columns(frame, AT)
    assert columns["imaging_measures__last[b]"].tolist() == [2.0, 3.0]
    assert columns["imaging_measures__last[a]"].fillna(-1).tolist() == [1.0, -1.0]
    assert columns["imaging_measures__n_regions"].tolist() == [2.0, 1.0]
    assert left_out == ["clinical_profile__note"]
    assert columns_of("imaging", list(columns.columns)) == list(columns.columns)


def test_a_history_says_how_long_before_the_prediction_each_value_was_observed() -> None:
    frame = pd.DataFrame(
        {
            MEASURES: [np.array(["IL6", "IL6"]), None],
            TOKEN_MODALITIES: [np.array(["cytokines", "cytokines"]), None],
            VALUES: [np.array([3.0, 4.5]), None],
            OBSERVED_AT: [np.array(["2024-03-01T12:00", "2024-03-11T00:00"], "datetime64[us]"), None],
            "burden__tmb": [1.0, 2.0],
        }
    )
    columns, left_out = model_columns(frame, AT)
    assert columns[DAYS_BEFORE][0].tolist() == [10.0, 0.5]
    assert columns[VALUES][0].tolist() == [3.0, 4.5]
    assert columns[[MEASURES, VALUES, DAYS_BEFORE]].loc[1].tolist() == [None, None, None]
    assert single_numbers(list(columns.columns)) == ["burden__tmb"]
    assert not left_out
