"""Where a run's numbers come from: the chain that is written into each run and read back by `trace`."""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from infra.errors import UsageError

FILE = "lineage.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Retrieval(Protocol):
    """What training needs of a retrieved training set; `features.retrieval.Retrieved` is one."""

    @property
    def frame(self) -> Any: ...
    @property
    def service(self) -> str: ...
    @property
    def table_versions(self) -> dict[str, int]: ...
    @property
    def file_ids(self) -> tuple[str, ...]: ...
    @property
    def digest(self) -> str: ...
    @property
    def definitions_hash(self) -> str: ...


@dataclass(frozen=True)
class Lineage:
    """The training set of a run, pinned.

    table_versions: gold view -> Delta version; label_versions: silver table -> Delta version.
    file_ids, label_file_ids: SHA-256 of the files behind features and labels.
    digest: SHA-256 of the whole training set. flow: how the cohort came about.
    view_hashes: gold view -> SHA-256 of its definition; empty in runs from before it was kept.
    """

    task: str
    service: str
    definitions_hash: str
    digest: str
    table_versions: Mapping[str, int]
    label_versions: Mapping[str, int]
    file_ids: tuple[str, ...]
    label_file_ids: tuple[str, ...]
    features: tuple[str, ...]
    flow: Mapping[str, int]
    view_hashes: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        # Not sorted: the steps of the flow are read in their order.
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Lineage":
        """Raises UsageError where the text is no lineage."""
        try:
            values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(text).items()}
            return cls(**values)
        except (ValueError, TypeError, AttributeError) as error:
            raise UsageError(f"{FILE} of the run is not a lineage record of this version ({error}).") from error


def require_pinned(lineage: Lineage) -> None:
    """Refuse, before any training, a training set that could not be found again.

    Raises UsageError naming the part that is missing.
    """
    missing = [
        what
        for what, ok in {
            "a digest of the training set": _SHA256.fullmatch(lineage.digest) is not None,
            "a hash of the feature definitions": bool(lineage.definitions_hash),
            "the Delta version of its feature tables": _are_versions(lineage.table_versions),
            "the Delta version of its label tables": _are_versions(lineage.label_versions),
            "the files of its labels": bool(lineage.label_file_ids),
            "the files of its features": bool(lineage.file_ids),
        }.items()
        if not ok
    ]
    if missing:
        raise UsageError(
            f"The training set of {lineage.task} cannot be pinned, so nothing was trained: it lacks "
            f"{' and '.join(missing)}."
        )


def _are_versions(versions: Mapping[str, int]) -> bool:
    return bool(versions) and all(isinstance(v, int) and v >= 0 for v in versions.values())
