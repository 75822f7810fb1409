"""One small cohort for all tests of the generator."""

from pathlib import Path

import pytest

from oncolake.demo.cohort import Cohort, generate

N_PATIENTS = 24
SEED = 20260101


@pytest.fixture(scope="session")
def landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "landing"


@pytest.fixture(scope="session")
def cohort(landing: Path) -> Cohort:
    return generate(landing, N_PATIENTS, SEED)
