"""Keyed pseudonyms: the only form in which an identifier may enter the lake.

HMAC-SHA-256 (RFC 2104) under a secret key that lives outside the lake, cut to 128 bits. The same site and
identifier always give the same pseudonym; without the key nobody can test a guess. Patient, case, sample,
plate and study identifiers are treated alike, since each may embed the patient's.
"""

import base64
import hashlib
import hmac
import os
import secrets
import unicodedata
from pathlib import Path

import pyarrow as pa

from infra.errors import MachineError

KEY_BYTES = 32
PSEUDONYM_LENGTH = 26
FEW = 8


class Pseudonymiser:
    """Makes pseudonyms under one key. Holds no state but the key, and never shows it."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise MachineError("The pseudonym key is shorter than 16 bytes; expected 32 random bytes in hexadecimal.")
        self._key = key

    def __repr__(self) -> str:
        return "Pseudonymiser(key hidden)"

    def _digest(self, *parts: str) -> bytes:
        message = "\x00".join(unicodedata.normalize("NFC", p.strip()) for p in parts)
        return hmac.new(self._key, message.encode(), hashlib.sha256).digest()[:16]

    def identifier(self, site_id: str, identifier: str) -> str:
        """Pseudonym (26 characters of a-z2-7) of an identifier that a site gave out."""
        return base64.b32encode(self._digest("id", site_id, identifier)).decode().rstrip("=").lower()

    def uid(self, uid: str) -> str:
        """Pseudonym of a DICOM UID, as a UUID-derived UID (PS3.5 annex B.2): '2.25.' and a 128-bit integer.

        UIDs are unique in the world, so the site does not enter.
        """
        return f"2.25.{int.from_bytes(self._digest('uid', uid), 'big')}"

    def identifiers(self, site_id: str, values: pa.Array) -> pa.Array:
        """`identifier` over an Arrow string array; null and blank stay null. Each distinct value is hashed once."""
        return _map_distinct(values, lambda v: self.identifier(site_id, v))

    def uids(self, values: pa.Array) -> pa.Array:
        """`uid` over an Arrow string array; null and blank stay null."""
        return _map_distinct(values, self.uid)


def _map_distinct(values: pa.Array, function) -> pa.Array:  # type: ignore[no-untyped-def]
    if len(values) <= FEW:
        # Of a file with one record, what Arrow costs a call is more than the hash.
        return pa.array([None if v is None or not v.strip() else function(v) for v in values.to_pylist()], pa.string())
    encoded = values.cast(pa.string()).dictionary_encode()
    mapped = [None if v is None or not v.strip() else function(v) for v in encoded.dictionary.to_pylist()]
    return pa.array(mapped, pa.string()).take(encoded.indices)


def load_key(key_hex: str | None, key_file: Path) -> bytes:
    """The key from the environment's hexadecimal text, else from `key_file`, which is made on first use.

    The file is created with mode 0600 and all-or-nothing, so that two first runs at once agree on one key.
    Raises MachineError where the key is no hexadecimal text or the file cannot be read or made.
    """
    if key_hex:
        return _from_hex(key_hex, "ONCOLAKE_PSEUDONYM_KEY")
    try:
        if not key_file.exists():
            key_file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _create_key(key_file)
        return _from_hex(key_file.read_text(), str(key_file))
    except OSError as error:
        raise MachineError(
            f"The pseudonym key in {key_file} cannot be read or made ({error.strerror}); "
            "set ONCOLAKE_PSEUDONYM_KEY or ONCOLAKE_KEY_FILE."
        ) from error


def _from_hex(text: str, where: str) -> bytes:
    try:
        return bytes.fromhex(text.strip())
    except ValueError as error:
        raise MachineError(f"The pseudonym key in {where} is not hexadecimal text.") from error


def _create_key(key_file: Path) -> None:
    # Written aside and linked into place: link fails where the file exists, so a half-written key is never seen.
    aside = key_file.with_name(f".{key_file.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as out:
            out.write(secrets.token_hex(KEY_BYTES))
        try:
            os.link(aside, key_file)
        except FileExistsError:
            return
    finally:
        aside.unlink()
