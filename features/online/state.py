"""What is kept beside a view's online rows: up to when it is materialised, of which table, under which packing."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from features.online.backend import Backend
from features.online.reading import state_note

Mode = Literal["everything", "difference"]


@dataclass(frozen=True)
class Materialised:
    """What the online store holds of a view, and how it came to that.

    version: Delta version of the gold table's content. end: as of when. entities: rows online.
    newest_event, newest_known: of the rows online; None where there are none. finished: when the run ended.
    mode: whether all entities were looked at or only those with rows that became usable since the last end.
    written, removed: entities whose row this run put, or took out.
    """

    version: int
    end: datetime
    entities: int
    newest_event: datetime | None
    newest_known: datetime | None
    finished: datetime
    mode: Mode
    written: int
    removed: int

    def to_json(self) -> dict[str, object]:
        """As plain data, times in ISO format."""
        return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in asdict(self).items()}


@dataclass(frozen=True)
class State:
    """The note beside a view's rows: what was materialised, of which table, under which packing."""

    done: Materialised
    table_id: str
    schema: str


def state_of(backend: Backend, view: str) -> State | None:
    """Up to when a view is materialised; None where it never was, or its rows were taken away."""
    text = backend.note(state_note(view))
    if not text:
        return None
    kept = json.loads(text)
    times = ("end", "newest_event", "newest_known", "finished")
    done: dict[str, Any] = {
        k: datetime.fromisoformat(v) if k in times and v is not None else v for k, v in kept["done"].items()
    }
    return State(Materialised(**done), kept["table_id"], kept["schema"])
