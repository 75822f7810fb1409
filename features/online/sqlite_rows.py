"""The online store in a SQLite file: embedded, nothing to install, many readers beside one writer."""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from features.online.backend import Packed
from infra.errors import MachineError

_MOST_KEYS = 500
_BATCH = 20_000
_TABLES = """
CREATE TABLE IF NOT EXISTS oncolake_rows (
    namespace TEXT NOT NULL, view TEXT NOT NULL, key BLOB NOT NULL, stamp BLOB NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (key, view, namespace)
);
CREATE INDEX IF NOT EXISTS oncolake_stamps ON oncolake_rows (namespace, view, key, stamp);
CREATE TABLE IF NOT EXISTS oncolake_notes (
    namespace TEXT NOT NULL, name TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (namespace, name)
);
"""


class SqliteBackend:
    """See `Backend`. Each thread has its own connection: a server of features answers from several."""

    def __init__(self, path: str, namespace: str) -> None:
        self._path = path
        self._namespace = namespace
        self._own = threading.local()
        self._all: list[sqlite3.Connection] = []
        with self._errors():
            self._connection().executescript(_TABLES)

    def read(self, keys: Sequence[bytes], views: Sequence[str]) -> dict[tuple[bytes, str], Packed]:
        found: dict[tuple[bytes, str], Packed] = {}
        with self._errors():
            for start in range(0, len(keys), _MOST_KEYS):
                some = keys[start : start + _MOST_KEYS]
                rows = self._connection().execute(
                    f"SELECT key, view, stamp, body FROM oncolake_rows WHERE key IN ({_marks(some)}) "
                    f"AND view IN ({_marks(views)}) AND namespace = ?",
                    (*some, *views, self._namespace),
                )
                for key, view, stamp, body in rows:
                    found[key, view] = (stamp, body)
        return found

    def stamps(self, view: str) -> Iterator[list[tuple[bytes, bytes]]]:
        with self._errors():
            rows = self._connection().execute(
                "SELECT key, stamp FROM oncolake_rows WHERE namespace = ? AND view = ?", (self._namespace, view)
            )
            while batch := rows.fetchmany(_BATCH):
                yield batch

    def write(self, view: str, rows: Sequence[tuple[bytes, bytes, bytes]]) -> None:
        with self._errors(), self._connection() as connection:
            connection.executemany(
                "INSERT INTO oncolake_rows (namespace, view, key, stamp, body) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (key, view, namespace) DO UPDATE SET stamp = excluded.stamp, body = excluded.body",
                [(self._namespace, view, *row) for row in rows],
            )

    def remove(self, view: str, keys: Sequence[bytes]) -> None:
        with self._errors(), self._connection() as connection:
            connection.executemany(
                "DELETE FROM oncolake_rows WHERE key = ? AND view = ? AND namespace = ?",
                [(key, view, self._namespace) for key in keys],
            )

    def note(self, name: str) -> str | None:
        with self._errors():
            row = self._connection().execute(
                "SELECT text FROM oncolake_notes WHERE namespace = ? AND name = ?", (self._namespace, name)
            ).fetchone()  # fmt: skip
        return None if row is None else str(row[0])

    def put_note(self, name: str, text: str) -> None:
        with self._errors(), self._connection() as connection:
            connection.execute(
                "INSERT INTO oncolake_notes VALUES (?, ?, ?) "
                "ON CONFLICT (namespace, name) DO UPDATE SET text = excluded.text",
                (self._namespace, name, text),
            )

    def drop(self, view: str) -> None:
        with self._errors(), self._connection() as connection:
            connection.execute(
                "DELETE FROM oncolake_rows WHERE namespace = ? AND view = ?", (self._namespace, view)
            )  # fmt: skip

    def close(self) -> None:
        for connection in self._all:
            connection.close()
        self._all.clear()
        self._own = threading.local()

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            # Closed by whichever thread closes the store; used by this one alone.
            connection = sqlite3.connect(self._path, timeout=60, check_same_thread=False)
            # Readers go on while a materialisation writes, and a commit is one write to the log.
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            self._own.connection = connection
            self._all.append(connection)
        return connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise MachineError(f"The online store {self._path} cannot be used ({error}).") from error


def _marks(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
