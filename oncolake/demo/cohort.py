"""Generates the landing folder of the demo: three hospitals, two deliveries, six sources, in real file formats.

The same seed and number of patients give the same bytes, on any day and over a folder that holds them already.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from infra.errors import UsageError
from oncolake.demo.assembly import SOURCES, assemble
from oncolake.demo.defects import FIRST, SECOND, Defect
from oncolake.demo.hospitals import HOSPITALS
from oncolake.demo.truth import Truth

MIN_PATIENTS = 12
MARKER = "cohort.json"
GENERATOR_VERSION = 3
"""Raised whenever the same seed gives other bytes, so that a folder never holds files of two versions."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Delivery:
    """What one hospital hands over of one source at one time."""

    name: str
    site_id: str
    source: str
    folder: Path


@dataclass(frozen=True)
class Cohort:
    """A generated landing folder. `deliveries` in the order of ingestion; `sites` as `infra.settings` wants them."""

    deliveries: tuple[Delivery, ...]
    sites: dict[str, dict[str, object]]
    truth: Truth
    defects: tuple[Defect, ...]


def generate(landing: Path, n_patients: int = 120, seed: int = 20260101, progress: Progress | None = None) -> Cohort:
    """Writes the cohort below `landing` with its truth.json and defects.json, and returns what was made.

    Files that are there already with the same content are left untouched. progress: called with what is being done,
    how much of it is done, and how much there is. Raises UsageError where there are fewer than MIN_PATIENTS, or where
    `landing` holds anything else than this cohort.
    """
    if n_patients < MIN_PATIENTS:
        raise UsageError(f"The demo needs {MIN_PATIENTS} patients or more to plant what it shows, not {n_patients}.")
    _claim(landing, {"generator": f"oncolake demo {GENERATOR_VERSION}", "n_patients": n_patients, "seed": seed})
    report = progress or (lambda what, done, total: None)
    files, truth, defects = assemble(n_patients, seed, report)
    files["truth.json"] = _json(truth.as_json())
    files["defects.json"] = _json([asdict(d) for d in defects])
    for done, (path, content) in enumerate(sorted(files.items()), 1):
        _write(landing / path, content)
        report("writing files", done, len(files))
    order = [(delivery, h.site_id, source) for delivery in (FIRST, SECOND) for h in HOSPITALS for source in SOURCES]
    present = {tuple(path.split("/")[:3]) for path in files}
    return Cohort(
        deliveries=tuple(
            Delivery(name, site_id, source, landing / name / site_id / source)
            for name, site_id, source in order
            if (name, site_id, source) in present
        ),
        sites={h.site_id: h.settings for h in HOSPITALS},
        truth=truth,
        defects=tuple(defects),
    )


def _claim(landing: Path, marker: dict[str, object]) -> None:
    """Makes the folder this cohort's own before anything is written, so that no two cohorts ever mix."""
    path = landing / MARKER
    content = _json(marker)
    if path.exists():
        if path.read_bytes() != content:
            raise UsageError(
                f"The folder {landing} holds another demo cohort; expected an empty folder, or one made by this "
                "version with the same number of patients and seed."
            )
        return
    if landing.exists() and (not landing.is_dir() or any(landing.iterdir())):
        raise UsageError(f"{landing} holds files that are not of the demo; expected an empty folder.")
    _write(path, content)


def _write(path: Path, content: bytes) -> None:
    if path.exists() and path.read_bytes() == content:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()
