"""The folder `feast/` of a lake as a Feast repository, so that Feast's own commands work on it.

feast -c LAKE/feast serve
feast -c LAKE/feast ui
"""

import os
import tempfile
from pathlib import Path

from features.online.backend import EMBEDDED
from features.online.reading import FILE, NAMESPACE
from infra.lake import Lake

CONFIG = "feature_store.yaml"
DEFINITIONS = "definitions.py"
VARIABLE = "ONCOLAKE_ONLINE_STORE"

_PYTHON = '''"""Written by `oncolake features apply`: what `feast apply` registers, from our declarations."""

from features.store.definitions import objects

for _object in objects():
    globals()[f"{type(_object).__name__}_{_object.name}"] = _object
'''


def write_folder(lake: Lake, online: str = EMBEDDED) -> Path:
    """Writes `feature_store.yaml` and `definitions.py`; returns their folder.

    The address of a server may hold a password, so it is not written: the file names the environment variable
    ONCOLAKE_ONLINE_STORE, which Feast reads.
    """
    folder = lake.folder("feast")
    url = f"sqlite:{FILE}" if online == EMBEDDED else f"${{{VARIABLE}}}"
    _write(
        folder / CONFIG,
        f"""# Written by `oncolake features apply`; a change is lost with the next one.
project: {NAMESPACE}
provider: local
registry: registry.db
online_store:
  type: features.online.store.OncolakeOnlineStore
  url: {url}
offline_store:
  type: features.offline.store.OncolakeOfflineStore
  root: {_quoted(lake.root)}
materialization:
  pull_latest_features: true
coerce_tz_aware: false
entity_key_serialization_version: 3
""",
    )
    _write(folder / DEFINITIONS, _PYTHON)
    return folder


def _quoted(text: str) -> str:
    """A YAML string."""
    return "'" + text.replace("'", "''") + "'"


def _write(path: Path, text: str) -> None:
    """Whole or not at all: a server may be reading it."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
    # As any file of the lake, not as a temporary one.
    umask = os.umask(0)
    os.umask(umask)
    Path(file.name).chmod(0o666 & ~umask)
    Path(file.name).replace(path)
