"""The online store in PostgreSQL: one table for all views, read by its primary key."""

import threading
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from features.online.backend import Packed, answering, place
from infra.errors import UsageError

_BATCH = 10_000
_TABLES = """
CREATE TABLE IF NOT EXISTS oncolake_rows (
    namespace text NOT NULL, view text NOT NULL, key bytea NOT NULL, stamp bytea NOT NULL, body bytea NOT NULL,
    PRIMARY KEY (namespace, key, view)
);
CREATE INDEX IF NOT EXISTS oncolake_stamps ON oncolake_rows (namespace, view);
CREATE TABLE IF NOT EXISTS oncolake_notes (
    namespace text NOT NULL, name text NOT NULL, text text NOT NULL, PRIMARY KEY (namespace, name)
);
"""
_MAKING = 0x6F6E636F
"""Number of the lock under which the tables are made: two that make them at once would stand in each other's way."""


class PostgresBackend:
    """See `Backend`. One connection, which threads use in turn."""

    def __init__(self, url: str, namespace: str) -> None:
        try:
            import psycopg
        except ImportError as error:
            raise UsageError(
                "An online store in PostgreSQL needs the package psycopg; install oncolake with its extra [postgres]."
            ) from error
        self._errors = partial(answering, place(url), "PostgreSQL", psycopg.Error)
        self._namespace = namespace
        self._turn = threading.RLock()
        with self._errors():
            # Every statement comes again and again: planned once, at its first use.
            self._connection: Any = psycopg.connect(url, autocommit=True, prepare_threshold=0, connect_timeout=10)
            with self._connection.transaction():
                self._connection.execute("SELECT pg_advisory_xact_lock(%s)", (_MAKING,))
                for statement in _TABLES.split(";"):
                    if statement.strip():
                        self._connection.execute(statement, prepare=False)

    def read(self, keys: Sequence[bytes], views: Sequence[str]) -> dict[tuple[bytes, str], Packed]:
        rows = self._run(
            "SELECT key, view, stamp, body FROM oncolake_rows "
            "WHERE namespace = %s AND key = ANY(%s) AND view = ANY(%s)",
            (self._namespace, list(keys), list(views)),
        )
        return {(key, view): (stamp, body) for key, view, stamp, body in rows}

    def stamps(self, view: str) -> Iterator[list[tuple[bytes, bytes]]]:
        after = b""
        while rows := self._run(
            "SELECT key, stamp FROM oncolake_rows WHERE namespace = %s AND view = %s AND key > %s "
            "ORDER BY key LIMIT %s",
            (self._namespace, view, after, _BATCH),
        ):
            yield rows
            after = rows[-1][0]

    def write(self, view: str, rows: Sequence[tuple[bytes, bytes, bytes]]) -> None:
        self._run_many(
            "INSERT INTO oncolake_rows (namespace, view, key, stamp, body) VALUES (%s, %s, %s, %s, %s) "
            "ON CONFLICT (namespace, key, view) DO UPDATE SET stamp = excluded.stamp, body = excluded.body",
            [(self._namespace, view, *row) for row in rows],
        )

    def remove(self, view: str, keys: Sequence[bytes]) -> None:
        self._run_many(
            "DELETE FROM oncolake_rows WHERE namespace = %s AND key = %s AND view = %s",
            [(self._namespace, key, view) for key in keys],
        )

    def note(self, name: str) -> str | None:
        rows = self._run(
            "SELECT text FROM oncolake_notes WHERE namespace = %s AND name = %s", (self._namespace, name)
        )  # fmt: skip
        return str(rows[0][0]) if rows else None

    def put_note(self, name: str, text: str) -> None:
        self._run_many(
            "INSERT INTO oncolake_notes VALUES (%s, %s, %s) "
            "ON CONFLICT (namespace, name) DO UPDATE SET text = excluded.text",
            [(self._namespace, name, text)],
        )

    def drop(self, view: str) -> None:
        self._run_many("DELETE FROM oncolake_rows WHERE namespace = %s AND view = %s", [(self._namespace, view)])

    def close(self) -> None:
        self._connection.close()

    def _run(self, statement: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._errors(), self._turn, self._connection.cursor(binary=True) as cursor:
            rows: list[tuple[Any, ...]] = cursor.execute(statement, values).fetchall()
        return rows

    def _run_many(self, statement: str, values: Sequence[tuple[object, ...]]) -> None:
        if values:
            with self._errors(), self._turn, self._connection.transaction(), self._connection.cursor() as cursor:
                cursor.executemany(statement, values)
