"""The databases that an online store may lie in, behind one small interface, and how a setting names one.

SQLite is a file of the lake and the default. Redis and PostgreSQL are servers; their clients are optional extras.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import urlsplit

from infra.errors import MachineError, UsageError

EMBEDDED = "sqlite"
"""The setting's word for the SQLite file in the lake."""

Packed = tuple[bytes, bytes]
"""(stamp, body) of one row."""


class Backend(Protocol):
    """Rows by entity key and feature view. A write is seen whole or not at all, for each row and its stamp."""

    def read(self, keys: Sequence[bytes], views: Sequence[str]) -> dict[tuple[bytes, str], Packed]:
        """The rows that there are."""
        ...

    def stamps(self, view: str) -> Iterator[list[tuple[bytes, bytes]]]:
        """(key, stamp) of every row of a view, in batches; each key once."""
        ...

    def write(self, view: str, rows: Sequence[tuple[bytes, bytes, bytes]]) -> None:
        """Puts (key, stamp, body) in place of what the keys have."""
        ...

    def remove(self, view: str, keys: Sequence[bytes]) -> None:
        """Takes away the rows of some keys."""
        ...

    def note(self, name: str) -> str | None:
        """A text kept beside the rows: the state of a view, the packing of its rows."""
        ...

    def put_note(self, name: str, text: str) -> None: ...

    def drop(self, view: str) -> None:
        """Takes away a view's rows."""
        ...

    def close(self) -> None: ...


def connect(url: str, namespace: str) -> Backend:
    """The database that a URL names: sqlite:<path>, redis://, rediss:// (encrypted) or postgresql://.

    namespace: rows of different namespaces in one database do not meet. Raises UsageError on any other URL and where
    the client library is not installed, MachineError where the server does not answer.
    """
    scheme = urlsplit(url).scheme
    if scheme == "sqlite":
        from features.online.sqlite_rows import SqliteBackend

        return SqliteBackend(url.removeprefix("sqlite:"), namespace)
    if scheme in ("redis", "rediss"):
        from features.online.redis_rows import RedisBackend

        return RedisBackend(url, namespace)
    if scheme in ("postgresql", "postgres"):
        from features.online.postgres_rows import PostgresBackend

        return PostgresBackend(url, namespace)
    raise UsageError(
        f"The online store cannot lie in {scheme or 'what the setting names'}; "
        "expected sqlite, redis://HOST:PORT/0 or postgresql://USER@HOST:PORT/DATABASE."
    )


@contextmanager
def answering(place: str, kind: str, failure: type[Exception]) -> Iterator[None]:
    """Turns what a server's client raises into a MachineError, whose text holds no password and no value of a row."""
    try:
        yield
    except failure as error:
        raise MachineError(
            f"The online store at {place} does not answer as {kind} should ({type(error).__name__})."
        ) from error


def place(url: str) -> str:
    """A URL as it may be shown: without user and password."""
    parts = urlsplit(url)
    if parts.scheme == "sqlite":
        return "SQLite"
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname or ''}{port}{parts.path}"
