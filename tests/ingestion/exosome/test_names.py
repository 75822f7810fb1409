"""What is read out of names, and what is not."""

import pytest

from ingestion.sources.exosome.names import dilution_in, experiment_of, without_dilution


@pytest.mark.parametrize(
    ("video", "sample", "file_name", "factor"),
    [
        ("P1_d200_00", None, "x.csv", 200.0),
        ("P1_D500_00", None, "x.csv", 500.0),
        ("std_10000_yes_2_00", None, "x.csv", 10_000.0),
        ("P1 dil 50_00", None, "x.csv", 50.0),
        ("P1_1to250_00", None, "x.csv", 250.0),
        ("P1_00", "P1 (1:1000)", "x.csv", 1_000.0),
        ("P1_00", None, "P1_d200-ExperimentSummary.csv", 200.0),
        ("P1_d200_00", "P1 1:200", "x.csv", 200.0),
        # what is no dilution: a day, a visit, a patient's number, a size of bead
        ("P1_D28_00", None, "x.csv", None),
        ("P1_d14_00", None, "x.csv", None),
        ("P1_C1D1_00", None, "x.csv", None),
        ("PT_1000_00", "PT_1000", "PT_1000.csv", None),
        ("1000_P_00", None, "x.csv", None),
        ("P_1024_00", None, "x.csv", None),
        ("100nmbeads_00", None, "x.csv", None),
        ("P1_00", None, "2020-10-10 x.csv", None),
        ("P1_d200.5_00", None, "x.csv", None),
        # two factors: nobody can say which
        ("P1_d200_00", None, "P1_d500.csv", None),
    ],
)
def test_dilution(video: str, sample: str | None, file_name: str, factor: float | None) -> None:
    assert dilution_in(video, sample, file_name) == factor


@pytest.mark.parametrize(
    ("video", "experiment"),
    [
        ("std_10000_yes_2_00", "std_10000_yes_2"),
        ("stdv34_00", "stdv34"),
        ("P1 2020-06-16 11-52-04_001", "P1 2020-06-16 11-52-04"),
        ("Example 3", "Example"),
        ("C:\\NTA\\Müller\\P7_02", "P7"),
        ("blank", "blank"),
        ("00", "00"),
    ],
)
def test_experiment(video: str, experiment: str) -> None:
    assert experiment_of(video) == experiment


@pytest.mark.parametrize(
    ("name", "sample"),
    [
        ("P1_d200", "P1"),
        ("P1_d200_C1D1", "P1_C1D1"),
        ("P1 (1:1000)", "P1"),
        ("d200", "d200"),
        ("std_10000_yes_2", "std_10000_yes_2"),
        ("P1_D28", "P1_D28"),
    ],
)
def test_sample(name: str, sample: str) -> None:
    assert without_dilution(name) == sample
