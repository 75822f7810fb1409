"""The leakage test of a training set: every value that could not have been known at its label's time, by name.

Each value is derived once more from the gold rows (`features.leakage.known_then`, not the join that retrieval uses),
the gold rows are held against the silver rows of the files that they name (`features.leakage.origins`), and feature
columns are held against the labels (`features.leakage.disguise`). Findings name view, feature and row number; never a
value or an entity.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import deltalake
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from features.leakage.comparable import SEPARATOR, Pairs, comparable
from features.leakage.disguise import LABEL_KEYS, disguises, target_columns
from features.leakage.known_then import KINDS, Ints, Moments, causes, codes, differing, microseconds, moments, winners
from features.leakage.origins import rests_on
from features.tables import VIEWS
from features.view import EVENT_TIME, FILE_IDS, JOIN_KEYS, KNOWN_TIME, LABEL_TIME, GoldView
from infra import delta, scan
from infra.errors import UsageError
from infra.lake import Lake
from infra.tables import TABLES

OUTCOME = "outcome"
COLUMNS = ("kind", "view", "feature", "row", "early_s", "detail")
LATE, DISGUISE, SOURCE = "late report", "label in disguise", "outcome as a source"
MANY_ENTITIES = 20_000
"""Up to so many entities are named when gold is read, so that only their files are."""


@dataclass(frozen=True)
class Report:
    """What the leakage test says of a dataset.

    findings: a row for each value that could not have been known, with the columns of COLUMNS. row: its number in the
        dataset, from 0 (none: the whole column); early_s: seconds between the label and the moment from which the
        value could be used (NaN: it never could); detail: in words, without values.
    n_values, n_rows: what was derived again. table_versions: gold view -> Delta version read.
    notes: what could not be checked, a sentence each.
    """

    findings: pd.DataFrame
    n_values: int
    n_rows: int
    table_versions: dict[str, int]
    notes: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        return self.findings.empty

    def summary(self) -> pd.DataFrame:
        """A row for each view, feature and kind: count, first row, longest early_s, detail; the gravest first."""
        grouped = self.findings.groupby(["view", "feature", "kind", "detail"], sort=False, dropna=False)
        table = grouped.agg(count=("kind", "size"), first_row=("row", "min"), longest_early_s=("early_s", "max"))
        return table.reset_index().sort_values("count", ascending=False, kind="stable", ignore_index=True)

    def sentence(self, what: str) -> str:
        """One sentence for people; `what` names the dataset."""
        if self.is_clean:
            return f"Nothing in {what} was ahead of its time: {self.n_values:,} values of {self.n_rows:,} rows."
        worst = [f"{_name(r)} ({r['kind']}, {r['count']:,})" for r in self.summary().head(3).to_dict("records")]
        more = len(self.summary()) - len(worst)
        return (
            f"In {what} {len(self.findings):,} findings say that it knew what could not be known at the time of its "
            f"labels: {', '.join(worst)}{f' and {more} more' if more else ''}."
        )

    def as_json(self) -> dict[str, Any]:
        found = self.findings.astype(object).where(self.findings.notna(), None)
        return {
            "is_clean": self.is_clean,
            "rows": self.n_rows,
            "values": self.n_values,
            "table_versions": self.table_versions,
            "findings": found.to_dict(orient="records"),
            "notes": list(self.notes),
        }


def _name(finding: Mapping[Any, Any]) -> str:
    return f"{finding['view']}.{finding['feature']}" if finding["feature"] else str(finding["view"])


def check(
    lake: Lake, frame: pd.DataFrame, *, versions: Mapping[str, int] | None = None, targets: Sequence[str] | None = None
) -> Report:
    """Tests a training frame: label rows with features named `<view>__<feature>`.

    versions: gold view -> Delta version that the frame was made from; a view that is not named is read at its newest.
    targets: the label columns; default: see `features.leakage.disguise.target_columns`.

    Raises UsageError on a frame without features, key or zoned label times, and on a view without a table or version.
    """
    parts = feature_columns(frame)
    if not parts:
        raise UsageError(f"The dataset has no feature column; expected names such as clinical_profile{SEPARATOR}age.")
    require_times(frame)
    at = microseconds(frame[LABEL_TIME])
    found: list[pd.DataFrame] = [*outcome_sources(parts)]
    notes: list[str] = []
    read: dict[str, int] = {}
    n_values = 0
    for name, features in parts.items():
        if name not in VIEWS:
            notes.append(f"There is no feature view {name}; its {len(features)} columns were not derived again.")
            continue
        view = VIEWS[name]
        if view.join_key not in frame.columns:
            raise UsageError(f"The dataset has no column {view.join_key}, which feature view {name} is keyed by.")
        version, history = _gold(lake, view, (versions or {}).get(name), frame[view.join_key])
        if name not in (versions or {}):
            notes.append(
                f"No version of {name} is recorded with the dataset: it was held against the newest, {version}."
            )
        read[name] = version
        pairs, left_out = comparable(view, frame, features, history)
        if left_out:
            notes.append(f"Not declared, or not kept as it was, and so not compared: {', '.join(left_out)} of {name}.")
        key, row_key = codes(frame[view.join_key], history[view.join_key])
        rows = moments(history, row_key, EVENT_TIME, KNOWN_TIME)
        label, row = winners(key, at, rows, view.ttl)
        found += _derived(view, pairs, key, at, rows, (label, row))
        n_values += len(frame) * len(pairs)
        late, note = _on_files(lake, view, history, label, row, at)
        found += late
        notes += note
    columns = [f"{v}{SEPARATOR}{f}" for v, features in parts.items() for f in features]
    chosen = list(targets) if targets is not None else target_columns(frame, columns)
    if not chosen:
        notes.append("No label column was found, so no feature was held against one.")
    found += _disguised(frame, columns, chosen)
    whole = pd.concat(found, ignore_index=True) if found else _findings("", "", "", np.zeros(0))
    return Report(whole, n_values, len(frame), read, tuple(notes))


def feature_columns(frame: pd.DataFrame) -> dict[str, list[str]]:
    """View -> its features, of the columns named `<view>__<feature>`, in their order."""
    parts: dict[str, list[str]] = {}
    for column in frame.columns:
        view, separator, feature = str(column).partition(SEPARATOR)
        if separator and view and feature:
            parts.setdefault(view, []).append(feature)
    return parts


def require_times(frame: pd.DataFrame) -> None:
    """Raises UsageError where the label times are absent, without a zone, or empty."""
    if LABEL_TIME not in frame.columns:
        raise UsageError(f"The dataset has no column {LABEL_TIME}; it says when each prediction was made.")
    if not isinstance(frame[LABEL_TIME].dtype, pd.DatetimeTZDtype):
        raise UsageError(f"The column {LABEL_TIME} holds {frame[LABEL_TIME].dtype}; expected times with a zone.")
    if frame[LABEL_TIME].isna().any():
        raise UsageError(f"The column {LABEL_TIME} is empty in {int(frame[LABEL_TIME].isna().sum())} rows.")


def outcome_sources(
    parts: Mapping[str, Collection[str]], label_sources: Collection[str] = (OUTCOME,)
) -> list[pd.DataFrame]:
    """Findings on features that draw on a table which only labels may, by declaration or by name.

    parts: view -> features. label_sources: names of silver tables.
    """
    forbidden = {c.name for table in label_sources for c in TABLES[table].columns} - set(JOIN_KEYS.values())
    found = []
    for name, features in parts.items():
        view = VIEWS.get(name)
        drawn = sorted(set(view.inputs) & set(label_sources)) if view else []
        if drawn:
            found.append(_findings(SOURCE, name, "", np.array([-1]), detail=f"the view reads {', '.join(drawn)}"))
        declared = {f.name: f for f in view.features} if view else {}
        for feature in features:
            sources = declared[feature].sources if feature in declared else ()
            of = sorted({s for s in sources if s.split(".")[0] in label_sources})
            if not of and (name in label_sources or (feature in forbidden and feature not in declared)):
                of = [f"{label}.{feature}" for label in label_sources]
            if of:
                found.append(_findings(SOURCE, name, feature, np.array([-1]), detail=f"drawn from {', '.join(of)}"))
    return found


def _gold(lake: Lake, view: GoldView, version: int | None, entities: "pd.Series[Any]") -> tuple[int, pa.Table]:
    """(version, the gold rows of some entities at it)."""
    path = lake.gold(view.name)
    if version is None:
        version = delta.content_version(path)
    if version is None:
        raise UsageError(f"The feature view {view.name} has no table; run `oncolake features build` first.")
    try:
        table = scan.dataset(deltalake.DeltaTable(path, version=version))
    except deltalake.exceptions.DeltaError as error:
        raise UsageError(f"Version {version} of the table of feature view {view.name} cannot be read.") from error
    have = [c for c in view.columns if c in table.schema.names]
    asked = entities.dropna().unique()
    where = pc.field(view.join_key).isin(pa.array(asked, pa.string())) if len(asked) <= MANY_ENTITIES else None
    return version, table.to_table(columns=have, filter=where)


def _derived(
    view: GoldView, pairs: Pairs, key: Ints, at: Ints, rows: Moments, won: tuple[Ints, Ints]
) -> list[pd.DataFrame]:
    found = []
    for feature, (values, of_rows) in pairs.items():
        wrong = np.flatnonzero(differing(values, of_rows, *won))
        if len(wrong):
            kind, seconds = causes(values[wrong], key[wrong], at[wrong], of_rows, rows)
            found.append(_findings(np.array(KINDS)[kind], view.name, feature, wrong, seconds))
    return found


def _on_files(
    lake: Lake, view: GoldView, history: pa.Table, label: Ints, row: Ints, at: Ints
) -> tuple[list[pd.DataFrame], list[str]]:
    """Findings on labels whose gold row names a file that had not yet said anything of the entity."""
    used = np.unique(row)
    since, note = rests_on(lake, view, history.select([view.join_key, FILE_IDS]).take(pa.array(used)))
    position = np.searchsorted(used, row)
    early = since[position] - at[label]
    ahead = np.flatnonzero(early > 0)
    if not len(ahead):
        return [], note
    said = "the gold row names a file whose rows were known only later"
    return [_findings(LATE, view.name, "", label[ahead], early[ahead] / 1e6, said)], note


def _disguised(frame: pd.DataFrame, columns: Sequence[str], targets: Sequence[str]) -> list[pd.DataFrame]:
    groups = next((frame[g] for g in LABEL_KEYS if g in frame.columns), None)
    found = []
    for d in disguises(frame, columns, targets, groups):
        view, _, feature = d.column.partition(SEPARATOR)
        found.append(_findings(DISGUISE, view, feature, np.array([-1]), detail=d.sentence))
    return found


def _findings(kind: Any, view: str, feature: str, row: Any, early_s: Any = np.nan, detail: str = "") -> pd.DataFrame:
    """Findings on some rows of a column; row -1: the whole column."""
    rows = pd.array(row, dtype="Int64")
    frame = pd.DataFrame({"row": rows.astype("Int64")})
    frame.loc[frame["row"] < 0, "row"] = pd.NA
    frame["kind"], frame["view"], frame["feature"] = kind, view, feature
    frame["early_s"] = np.broadcast_to(np.asarray(early_s, float), len(frame))
    frame["detail"] = detail
    return frame[list(COLUMNS)]
