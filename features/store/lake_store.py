"""Feast's store with what a lake adds: what was known on a given day, and errors that name the fix."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from feast import FeatureService, FeatureStore
from feast.errors import FeatureViewNotFoundException
from feast.infra.offline_stores.offline_store import RetrievalJob

from infra.errors import UsageError


class LakeStore(FeatureStore):  # type: ignore[misc]
    """A `FeatureStore`; see `get_historical_features`."""

    def get_historical_features(
        self,
        entity_df: Any = None,
        features: Sequence[str] | FeatureService = (),
        full_feature_names: bool = False,
        start_date: datetime | None = None,
        end_date: datetime | None = None,
        filter_by_created_timestamp: bool = False,
        as_known_at: datetime | None = None,
    ) -> RetrievalJob:
        """Feast's, with `as_known_at`: only rows that were known by then count, whatever the label time.

        entity_df: label rows as a pandas, Polars or Spark frame, an Arrow table, or a SELECT over feature views by
            name; without it, `start_date` to `end_date`.
        Raises UsageError on an unknown feature or view, on unusable label rows and on a view whose table is not built.
        """
        store = self if as_known_at is None else _known_at(self, as_known_at)
        try:
            return FeatureStore.get_historical_features(
                store,
                entity_df=entity_df,
                features=features if isinstance(features, FeatureService) else list(features),
                full_feature_names=full_feature_names,
                start_date=start_date,
                end_date=end_date,
                filter_by_created_timestamp=filter_by_created_timestamp,
            )
        except FeatureViewNotFoundException as error:
            raise UsageError(f"{error}; `oncolake features list` names those that are there.") from error
        except KeyError as error:
            # Feast's only word on a feature that its view has not.
            if "not found in projection" not in str(error):
                raise
            raise UsageError(f"{error.args[0]}; `oncolake features list` names those that are there.") from error


def _known_at(store: FeatureStore, at: datetime) -> FeatureStore:
    config = store.config.model_copy()
    # Feast builds the store's settings once and keeps them here.
    config._offline_store = store.config.offline_store.model_copy(update={"as_known_at": at})
    return type(store)(config=config)
