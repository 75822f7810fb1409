"""Tests of the schedule are skipped where the extra `dagster` is not installed."""

from collections.abc import Iterator

import pytest


@pytest.fixture
def instance() -> Iterator[object]:
    """An ephemeral Dagster instance."""
    dg = pytest.importorskip("dagster")
    with dg.DagsterInstance.ephemeral() as made:
        yield made
