"""Files of a run, read where they lie: beside the lake's tables, wherever the lake was moved to."""

from pathlib import Path
from typing import TYPE_CHECKING

from training.tracking import PREDICTIONS, LoggedRun, Tracker

if TYPE_CHECKING:
    import pandas as pd


def artefact(tracker: Tracker, run: LoggedRun, name: str) -> Path | None:
    """The file of a parent run, or None where it has none of that name."""
    path = tracker.artifacts / run.tags.get("task", "") / run.run_id / "artifacts" / name
    return path if path.is_file() else None


def predictions(tracker: Tracker, run: LoggedRun) -> "pd.DataFrame | None":
    """A run's out-of-fold predictions, a row a label, by pseudonym; None where it has none."""
    import pandas as pd

    path = artefact(tracker, run, PREDICTIONS)
    return None if path is None else pd.read_parquet(path)
