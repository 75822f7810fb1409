"""One site left out: folds that are sites, silence where a site is too small, refusal where nothing can be left out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from infra.errors import UsageError
from tests.training.datasets import classes, planted
from training.sites import leave_one_site_out, site_folds


def test_each_site_is_tested_by_a_model_of_the_others() -> None:
    data = planted()
    candidate = replace(data.task.candidate("clinical_logistic"), uses=list)
    reference = leave_one_site_out(data, data.task.candidate("clinical_logistic"), 0)
    found = leave_one_site_out(data, candidate, 0, reference)
    assert found.evaluation.fold_names == ("north", "south", "west")
    assert [s.n_patients for s in found.sites] == [30, 30, 30]
    assert all(not s.note for s in found.sites)
    assert all(m["auroc"] > 0.75 for m in found.evaluation.fold_metrics)
    for metrics, estimates in zip(found.evaluation.fold_metrics, found.estimates, strict=True):
        auroc = estimates["auroc"]
        assert auroc.value == metrics["auroc"]
        assert auroc.low < auroc.value < auroc.high
    assert found.evaluation.versus_reference is not None
    assert found.evaluation.versus_reference.low > 0
    north = data.labels["site_id"].eq("north").to_numpy()
    assert found.evaluation.models[0].named_steps["scale"].mean_[0] == pytest.approx(
        data.features.iloc[:, 0][~north].mean()
    )


def test_a_site_too_small_is_named_and_nothing_is_said_of_it_alone() -> None:
    data = planted()
    site = data.labels["site_id"].to_numpy(object).copy()
    site[:3] = "tiny"
    dry = np.flatnonzero(~data.is_positive & (site != "tiny"))[:8]
    site[dry] = "dry"
    found = leave_one_site_out(replace(data, labels=data.labels.assign(site_id=site)), data.task.candidates[1], 0)
    notes = {s.name: s.note for s in found.sites}
    assert notes["tiny"] == "Site tiny has 3 patients; expected at least 5 to say something of it alone."
    assert notes["dry"] == "Site dry has 0 patients with the event among 8; expected at least 2."
    by_site = dict(zip(found.evaluation.fold_names, found.evaluation.fold_metrics, strict=True))
    assert np.isnan(list(by_site["tiny"].values())).all()
    assert np.isfinite(by_site["north"]["auroc"])
    assert found.evaluation.estimates["auroc"].n_folds == 3
    assert np.isnan(found.estimates[found.evaluation.fold_names.index("dry")]["brier"].low)


@pytest.mark.parametrize(
    ("site", "label", "message"),
    [
        (["a"] * 40, np.arange(40) % 2 == 0, r"All rows of treatment_response are of one site \(a\)"),
        (["a"] * 20 + ["b"] * 20, np.arange(40) < 20, "Without site a, 0 patients with the event are left"),
    ],
)
def test_what_cannot_be_left_out_is_refused(site: list[str], label: np.ndarray, message: str) -> None:
    data = classes(pd.DataFrame({"x": np.arange(40.0)}), label, site_id=site)
    with pytest.raises(UsageError, match=message):
        site_folds(data)


def test_a_patient_of_two_sites_is_refused() -> None:
    data = planted(40)
    with pytest.raises(UsageError, match="20 patients of treatment_response have rows of more than one site"):
        site_folds(replace(data, groups=np.repeat(np.arange(20), 2)))
