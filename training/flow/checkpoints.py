"""Results of finished pieces of work, kept until their run is finished: what a killed process need not do again."""

import hashlib
import os
import pickle
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Checkpoints:
    """Pickles in a folder of the run's artefacts: they go when the run goes, and belong to one fingerprint of data and
    code, so that none is read by other code than wrote it."""

    folder: Path

    def __contains__(self, key: str) -> bool:
        return self._file(key).is_file()

    def load(self, key: str) -> Any:
        """The result kept under a key. Raises FileNotFoundError where there is none."""
        with self._file(key).open("rb") as file:
            return pickle.load(file)  # noqa: S301 (written by `save`, in the lake of who reads it)

    def save(self, key: str, result: object) -> None:
        """Keeps a result; a process killed meanwhile leaves either all of it or nothing."""
        import cloudpickle  # type: ignore[import-untyped]

        self.folder.mkdir(parents=True, exist_ok=True)
        place = self._file(key)
        half = place.with_suffix(".half")
        with half.open("wb") as file:
            cloudpickle.dump(result, file)
            file.flush()
            os.fsync(file.fileno())
        half.replace(place)

    def clear(self) -> None:
        """Forgets everything."""
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _file(self, key: str) -> Path:
        return self.folder / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.pickle"
