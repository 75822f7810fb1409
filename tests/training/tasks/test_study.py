"""A study folder of cBioPortal, from its files to runs that are compared, without code of its own."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from features.building.build import build_gold
from features.store.repository import apply
from infra.lake import Lake
from infra.settings import Settings
from ingestion.discovery import Delivery
from ingestion.pipeline import ingest
from tests.training.tasks.study import write_study
from training.comparison import compare
from training.plan import Plan
from training.run import train_all

pytestmark = pytest.mark.slow
VIEWS = ("clinical_profile", "tumour_markers", "burden")


def compared(folder: Path, lake: Lake, spark: Any, task: str) -> dict[str, dict[str, Any]]:
    """Runs of a task by model, after everything that a user would command."""
    report = ingest("mutations", [Delivery(folder, "study")], lake, Settings(pseudonym_key="5a" * 32), lambda: spark)
    assert {f.status for f in report.files} == {"ingested"}
    build_gold(lambda: spark, lake, VIEWS)
    apply(lake)
    answer = train_all(lake, Plan("quick", folds=3), tasks=[task], jobs=1)[task]
    assert answer.refused == ""
    return {str(row["model"]): row for row in compare(lake, task).to_dict(orient="records")}


def test_a_study_folder_becomes_survival_runs(spark: Any, tmp_path: Path) -> None:
    write_study(tmp_path / "study", 150)
    runs = compared(tmp_path / "study", Lake.at(tmp_path / "lake"), spark, "survival_from_diagnosis")
    assert list(runs)[:2] == ["kaplan_meier", "clinical_cox"]
    assert runs["kaplan_meier"]["uno_c"] == 0.5
    assert runs["coxnet"]["uno_c_low"] > 0.6
    assert "attention" not in runs


def test_the_glioma_samples_of_tcga_become_mgmt_runs(spark: Any, tmp_path: Path, shared_data: Path) -> None:
    """Grade alone, then with IDH, 1p/19q and burden: IDH mutant gliomas have a methylator phenotype, and MGMT with it
    (Noushmehr et al. 2010, doi 10.1016/j.ccr.2010.03.017).
    """
    (tmp_path / "study").mkdir()
    shutil.copy(shared_data / "mutation" / "lgggbm_tcga_pub_data_clinical_sample.txt", tmp_path / "study")
    runs = compared(tmp_path / "study", Lake.at(tmp_path / "lake"), spark, "mgmt_from_tumour")
    assert runs["elastic_net"]["auroc_low"] > runs["clinical_logistic"]["auroc_high"] > 0.6
