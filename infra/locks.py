"""Locks between processes, for lakes on local disks.

Delta's local log store checks that a version does not exist and then renames into place, under a lock of its own
JVM only: two processes can both succeed and one commit is lost. Every writer of ours holds the table's lock.
On an object store there is no such lock; there, the store's conditional put does it (see docs/adr).
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from infra.errors import MachineError
from infra.lake import Lake

WAIT_SECONDS = 3600


@contextmanager
def writing(lake: Lake, what: str, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Holds the lock of `what` (a table's path, or a name such as 'ingest') in a lake; freed when the process dies.

    Raises MachineError where the lake cannot be written, or the lock is not had within `wait_seconds`.
    """
    if not lake.is_local:
        yield
        return
    folder = Path(lake.root) / ".locks"
    lock = FileLock(folder / f"{hashlib.sha256(what.encode()).hexdigest()[:16]}.lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=wait_seconds)
    except Timeout as error:
        raise MachineError(
            f"Another process has been writing to {what} of the lake {lake.root} for {wait_seconds:.0f} s; try later."
        ) from error
    except OSError as error:
        raise MachineError(f"The lake {lake.root} cannot be written ({error.strerror or error}).") from error
    # Errors of the work itself are not the lock's to explain.
    try:
        yield
    finally:
        lock.release()
