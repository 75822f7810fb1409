"""Errors of a full or read-only disk, wherever they come up and whatever a library wrapped them in."""

import errno

from infra.errors import MachineError

_FULL = "No space left on device"
_READ_ONLY = ("Read-only file system", "Permission denied")


def fault(error: BaseException, where: str) -> MachineError | None:
    """The sentence for an error whose origin is a disk that is full or may not be written; None for any other.

    Looks through causes and contexts: libraries wrap such errors in their own.
    """
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        number = link.errno if isinstance(link, OSError) else None
        text = str(link)
        if number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) or _FULL in text:
            return MachineError(
                f"{where} was not written, because the disk is full; nothing half-written is visible: make room and "
                "run the same again."
            )
        if number in (errno.EROFS, errno.EACCES, errno.EPERM) or any(t in text for t in _READ_ONLY):
            return MachineError(f"{where} cannot be written: it is read-only for this user.")
        link = link.__cause__ or link.__context__
    return None
