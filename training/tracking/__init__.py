"""The only door to MLflow: an experiment a task, a parent run a candidate, children for what its evaluation is made of.

`names`: tags and files by which runs are told apart. `queries`: reading. `tracker`: opening and closing runs.
`recorder`: writing into an open run. `models`: the fitted model of a run.
"""

from training.tracking.child import Child
from training.tracking.names import FINGERPRINT, IS_BEST, PREDICTIONS
from training.tracking.queries import LoggedRun
from training.tracking.recorder import Recorder
from training.tracking.store import tracking_uri
from training.tracking.tracker import Tracker

__all__ = ["FINGERPRINT", "IS_BEST", "PREDICTIONS", "Child", "LoggedRun", "Recorder", "Tracker", "tracking_uri"]
