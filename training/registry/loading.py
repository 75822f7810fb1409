"""A registered model, ready to be asked."""

from typing import TYPE_CHECKING

from infra.errors import UsageError
from infra.lake import Lake
from training.registry.versions import CHAMPION, chosen
from training.run import named
from training.tracking import Tracker

if TYPE_CHECKING:
    from training.registry.servable import Servable


def load(lake: Lake, task: str, which: str = CHAMPION) -> "Servable":
    """The model of a registered version, found in the lake wherever that was moved to; it fetches features from there.

    which: a version's number, a run, or an alias. Raises UsageError where there is none, or its files are gone.
    """
    from training.registry.servable import load as load_folder
    from training.registry.serving import FILE

    tracker = Tracker(lake)
    version = chosen(lake, named(task).name, which)
    folder = tracker.artifacts / version.task / "models" / version.model_id / "artifacts"
    if not (folder / FILE).is_file():
        raise UsageError(f"The files of version {version.version} of {version.task} are not in {folder}.")
    _ = tracker.client  # MLflow, imported as the lake wants it: quiet, and sending nothing home
    return load_folder(folder, lake)
