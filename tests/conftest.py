"""One shared Spark session, started only by the tests that ask for it; and the folder of real files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more about what else runs on the machine than about the code.
settings.register_profile("oncolake", deadline=None)
settings.load_profile("oncolake")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real files beside the checkout; tests that need it are skipped where it is absent."""
    if not SHARED.is_dir():
        pytest.skip("the real files (../shared/data) are not beside this checkout")
    return SHARED


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    """The session of the product's own builder, as local[2]."""
    from infra.settings import Settings
    from infra.spark import build_session

    session = build_session(Settings(spark_master="local[2]", spark_memory="1500m"))
    yield session
    session.stop()
