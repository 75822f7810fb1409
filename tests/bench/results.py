"""Results of single benchmarks, kept as JSON so that the page can be written from several partial runs."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.benchmark import Figure, Scale, Target


@dataclass(frozen=True)
class Result:
    """One benchmark, measured. measured_at: UTC, to the minute. load: of the machine, before it began."""

    name: str
    title: str
    description: str
    scale: Scale
    figures: tuple[Figure, ...]
    measured_at: str
    seconds: float
    load: float
    commit: str
    machine: dict[str, str]
    versions: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def keep(result: Result, folder: Path) -> Path:
    """Writes a result, in the place of an earlier one of the same benchmark and scale."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{result.name}.{result.scale}.json"
    path.write_text(json.dumps(result.as_json(), indent=2) + "\n")
    return path


def kept(folder: Path, scale: Scale, names: Iterable[str]) -> list[Result]:
    """The results that there are, in the order of `names`."""
    paths = [folder / f"{name}.{scale}.json" for name in names]
    return [_result(json.loads(path.read_text())) for path in paths if path.exists()]


def _result(found: dict[str, Any]) -> Result:
    figures = (Figure(**f | {"target": f["target"] and Target(**f["target"])}) for f in found["figures"])
    return Result(**found | {"figures": tuple(figures)})
