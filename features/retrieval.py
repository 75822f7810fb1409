"""What training and scientists call: label rows in, a training frame with its whole provenance out."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from features.frames import digest, plain_types
from features.store.repository import open_store, registered
from features.store.services import SERVICES, served, views_of
from features.tables import VIEWS
from features.view import LABEL_TIME, definitions_hash
from infra import delta
from infra.errors import UsageError
from infra.lake import Lake


@dataclass(frozen=True)
class Retrieved:
    """A training frame, and what is needed to prove and to rebuild it.

    frame: one row for each label row, in label order: the label columns, then features named `<view>__<feature>`
        (numbers and flags as float64, NaN for missing).
    table_versions: gold view -> Delta version that was read, pinned before reading.
    file_ids: the source files of the feature rows that were used, sorted.
    digest: SHA-256 of the whole training set, with the table versions.
    definitions_hash: SHA-256 over the definitions of the service's feature views.
    """

    frame: pd.DataFrame
    service: str
    table_versions: dict[str, int]
    file_ids: tuple[str, ...]
    digest: str
    definitions_hash: str


def retrieve(
    lake: Lake,
    service: str,
    labels: pd.DataFrame,
    *,
    known_only: bool = True,
    versions: Mapping[str, int] | None = None,
    as_known_at: datetime | None = None,
) -> Retrieved:
    """Features of a service for each label row, as they could be known at its `event_timestamp`.

    labels: the entity's key (`patient_id` or `case_id`), `event_timestamp` (with a time zone, no nulls), and any
        label columns.
    known_only: False also uses what was not yet known then; only to show what that would have done.
    versions: gold view -> Delta version, to rebuild an old training set; views that are not named are read at their
        newest version.
    as_known_at: with a time (and its zone), only what was known by then counts, whatever the label time.

    Raises UsageError on an unknown or unapplied service, a label frame without key or zoned times, a view whose table
    is not built, and a version that is gone.
    """
    views = views_of(service)
    _check(labels, service)
    pinned = {name: _version(lake, name, (versions or {}).get(name)) for name in views}
    store = open_store(lake, known_only=known_only, versions=pinned, as_known_at=as_known_at)
    job = store.get_historical_features(
        entity_df=labels.reset_index(drop=True), features=registered(store, service), full_feature_names=True
    )
    table = job.to_arrow()
    names = served(service)
    features = plain_types(table.select(names).to_pandas(), names)
    frame = pd.concat([labels.reset_index(drop=True), features], axis="columns")
    return Retrieved(
        frame=frame,
        service=service,
        table_versions=job.table_versions,
        file_ids=job.file_ids,
        digest=digest(frame, job.table_versions),
        definitions_hash=definitions_hash(VIEWS[name] for name in views),
    )


def _version(lake: Lake, view: str, wanted: int | None) -> int:
    # Gold is replaced, never compacted: the version that wrote its rows stays the one to name, after a clean-up too.
    newest = delta.content_version(lake.gold(view))
    if newest is None:
        raise UsageError(f"The feature view {view} has no table yet; run `oncolake features build` first.")
    return newest if wanted is None else wanted


def _check(labels: pd.DataFrame, service: str) -> None:
    for key in sorted({VIEWS[view].join_key for view in SERVICES[service]}):
        if key not in labels.columns:
            raise UsageError(f"The label rows have no column {key}; the service {service} is keyed by it.")
    if LABEL_TIME not in labels.columns:
        raise UsageError(f"The label rows have no column {LABEL_TIME}; it says when each prediction is made.")
    times = labels[LABEL_TIME]
    if not isinstance(times.dtype, pd.DatetimeTZDtype):
        raise UsageError(f"The column {LABEL_TIME} holds {times.dtype}; expected times with a zone, such as UTC.")
    if times.isna().any():
        raise UsageError(f"The column {LABEL_TIME} is empty in {int(times.isna().sum())} label rows; expected none.")
