"""Which engine answers: `local` (delta-rs and numpy in this process) or `spark`. Both keep the same promises."""

from typing import Protocol, cast

from feast.infra.offline_stores.offline_store import RetrievalJob
from feast.repo_config import RepoConfig

from features.offline.requests import Pull, Retrieval


class Engine(Protocol):
    """What an engine is: a module with these functions. Nothing is read before a job's result is asked for, but the
    label rows' columns, which are checked at once.
    """

    def historical(self, asked: Retrieval) -> RetrievalJob:
        """Point-in-time features, one row for each label row, in label order."""

    def latest(self, asked: Pull) -> RetrievalJob:
        """The row of each key that may be used at the pull's end."""

    def everything(self, asked: Pull) -> RetrievalJob:
        """Every row of the pull."""


def engine_for(config: RepoConfig) -> Engine:
    """The engine that `offline_store.engine` names. Spark is imported only where it is asked for."""
    if config.offline_store.engine == "spark":
        from features.spark import engine as spark_engine

        return cast(Engine, spark_engine)
    from features.offline import local_engine

    return cast(Engine, local_engine)
