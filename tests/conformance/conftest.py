"""Every case with both engines; the Spark one shares the session of all tests."""

from pathlib import Path

import pytest

from tests.conformance.environment import Environment, Universe, universe


@pytest.fixture(scope="module", params=["local", "spark"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "spark":
        request.getfixturevalue("spark")
    return name


@pytest.fixture
def environment(engine: str, tmp_path: Path) -> Environment:
    """An empty repository of one test."""
    return Environment.make(tmp_path, engine)


@pytest.fixture(scope="module")
def shared(engine: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Environment, Universe]:
    """A repository with the universal data, for tests that only read."""
    made = Environment.make(tmp_path_factory.mktemp(engine), engine)
    data = universe(made)
    made.store.apply(data.objects())
    return made, data
