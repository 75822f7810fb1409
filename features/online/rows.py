"""What the online store keeps: one packed row for each entity and feature view, with a stamp that says what it is.

A row that holds fifty features is one value in the database, found with one look-up and unpacked with one call; Feast's
own stores keep fifty. Nothing here imports Feast, so that reading online starts at once.
"""

import json
import struct
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import TypeAlias, cast

import pyarrow as pa
import pyarrow.compute as pc

from features.instants import from_microseconds, to_microseconds
from infra.errors import UsageError
from infra.table import ColumnType

Items: TypeAlias = list[float | None] | list[str | None] | list[datetime | None]
Value: TypeAlias = float | int | bool | str | datetime | Items | None

_STAMP = struct.Struct("<qq8s16s")
_LENGTH = struct.Struct("<I")
_FIXED: dict[ColumnType, str] = {"double": "d", "int": "q", "bigint": "q", "boolean": "?", "timestamp": "q"}
_VARIABLE: tuple[ColumnType, ...] = ("string", "array<double>", "array<string>", "array<timestamp>")
_STRING = 2  # Feast's number of the type; its keys name the types of their parts.


@dataclass(frozen=True)
class Stamp:
    """What an online row is: its times (microseconds since 1970 UTC), how it is packed, and a digest of its values.

    Two rows with the same stamp are the same row.
    """

    event: int
    known: int
    schema: bytes
    digest: bytes

    @property
    def usable(self) -> int:
        """When the row could first be used."""
        return max(self.event, self.known)

    def pack(self) -> bytes:
        return _STAMP.pack(self.event, self.known, self.schema, self.digest)

    @staticmethod
    def unpack(data: bytes) -> "Stamp":
        return Stamp(*_STAMP.unpack(data))


STAMP_BYTES = _STAMP.size
SCHEMA_BYTES = (16, 24)
"""Where in a packed stamp the fingerprint of the packing stands."""


def times_of(stamp: bytes) -> tuple[int, int]:
    """(event, known) of a packed stamp, in microseconds since 1970 UTC."""
    event, known, _, _ = _STAMP.unpack(stamp)
    return event, known


def schema_of(stamp: bytes) -> bytes:
    """The fingerprint of how the stamp's row is packed."""
    return stamp[slice(*SCHEMA_BYTES)]


def stamped(event: int, known: int, schema: bytes, body: bytes) -> bytes:
    """The packed stamp of a row with this body."""
    return _STAMP.pack(event, known, schema, blake2b(body, digest_size=16).digest())


class Packing:
    """How the rows of a feature view are packed: its features and their types, in order.

    A body is a bit for each null, the numbers, flags and times at their full width, then texts and lists with their
    lengths. Raises UsageError on a type that it does not know.
    """

    def __init__(self, features: Sequence[tuple[str, ColumnType]]) -> None:
        self.features = tuple(features)
        self.names = tuple(name for name, _ in self.features)
        for name, kind in self.features:
            if kind not in _FIXED and kind not in _VARIABLE:
                raise UsageError(f"The feature {name} is of type {kind}, which the online store does not hold.")
        self.description = json.dumps(self.features)
        self.fingerprint = blake2b(self.description.encode(), digest_size=8).digest()
        self._fixed_at = [i for i, (_, kind) in enumerate(self.features) if kind in _FIXED]
        self._variable_at = [i for i, (_, kind) in enumerate(self.features) if kind in _VARIABLE]
        self._times_at = [i for i, (_, kind) in enumerate(self.features) if kind == "timestamp"]
        self._fixed = struct.Struct("<" + "".join(_FIXED[self.features[i][1]] for i in self._fixed_at))
        self._blank = struct.unpack(self._fixed.format, bytes(self._fixed.size))
        self._n_bits = (len(self.features) + 7) // 8

    @staticmethod
    def described(description: str) -> "Packing":
        """The packing whose `description` this is."""
        return Packing([(name, kind) for name, kind in json.loads(description)])

    def pack(self, values: Sequence[Value]) -> bytes:
        """The body of one row; values in the order of the features."""
        nulls = sum(1 << i for i, value in enumerate(values) if value is None)
        fixed = [
            self._blank[n] if (value := values[i]) is None
            else to_microseconds(value) if isinstance(value, datetime) else value
            for n, i in enumerate(self._fixed_at)
        ]  # fmt: skip
        parts = [nulls.to_bytes(self._n_bits, "little"), self._fixed.pack(*fixed)]
        for i in self._variable_at:
            item = b"" if (value := values[i]) is None else _variable(value, self.features[i][1])
            parts += [_LENGTH.pack(len(item)), item]
        return b"".join(parts)

    def unpack(self, body: bytes) -> list[Value]:
        """The values of one row, in the order of the features."""
        fixed: Sequence[Value] = self._fixed.unpack_from(body, self._n_bits)
        if not self._variable_at:
            values = list(fixed)
        else:
            values = [None] * len(self.features)
            for i, value in zip(self._fixed_at, fixed, strict=True):
                values[i] = value
            at = self._n_bits + self._fixed.size
            for i in self._variable_at:
                (length,) = _LENGTH.unpack_from(body, at)
                at += _LENGTH.size
                values[i] = _read_variable(body[at : at + length], self.features[i][1]) if length else None
                at += length
        for i in self._times_at:
            at_time = values[i]
            assert isinstance(at_time, int)
            values[i] = from_microseconds(at_time)
        nulls = int.from_bytes(body[: self._n_bits], "little")
        while nulls:
            lowest = nulls & -nulls
            values[lowest.bit_length() - 1] = None
            nulls ^= lowest
        return values

    def pack_table(self, table: pa.Table) -> list[bytes]:
        """The bodies of the rows of a table that has the features as columns."""
        columns = [_plain(table[name], kind) for name, kind in self.features]
        return [self.pack(row) for row in zip(*columns, strict=True)] if columns else [b""] * table.num_rows


def _plain(column: pa.ChunkedArray, kind: ColumnType) -> list[Value]:
    if kind == "timestamp":
        # Through whole numbers: years past 2262 and any unit come out as they are.
        whole = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()
        return [None if value is None else from_microseconds(value) for value in whole]
    if kind == "array<timestamp>":
        whole = column.cast(pa.list_(pa.timestamp("us", tz="UTC"))).cast(pa.list_(pa.int64())).to_pylist()
        return [None if times is None else _times(times) for times in whole]
    values: list[Value] = column.to_pylist()
    return values


def _times(microseconds: Iterable[int | None]) -> list[datetime | None]:
    return [None if value is None else from_microseconds(value) for value in microseconds]


def _variable(value: Value, kind: ColumnType) -> bytes:
    if kind == "array<double>" and isinstance(value, list) and None not in value:
        return b"f" + array("d", [float(v) for v in cast(list[float], value)]).tobytes()
    plain: object = value
    if kind == "array<timestamp>":
        plain = [None if v is None else to_microseconds(v) for v in cast(list[datetime | None], value)]
    return b"j" + json.dumps(plain, separators=(",", ":")).encode()


def _read_variable(item: bytes, kind: ColumnType) -> Value:
    if item[:1] == b"f":
        numbers = array("d")
        numbers.frombytes(item[1:])
        return cast(list[float | None], numbers.tolist())
    value: Value = json.loads(item[1:])
    return _times(cast(list[int | None], value)) if kind == "array<timestamp>" else value


def key_prefix(join_key: str) -> bytes:
    """What the keys of all entities of a text join key begin with: all but length and text."""
    name = join_key.encode()
    return struct.pack("<III", 1, _STRING, len(name)) + name + struct.pack("<I", _STRING)


def entity_key(join_key: str, entity: str) -> bytes:
    """The key of one entity: the same bytes as Feast's `serialize_entity_key`, version 3, without Feast."""
    text = entity.encode()
    return key_prefix(join_key) + _LENGTH.pack(len(text)) + text


def entities_of(keys: Iterable[bytes], join_key: str) -> pa.Array:
    """The entities (string) of keys that `entity_key` made."""
    packed = pa.array(keys, pa.binary())
    return pc.binary_slice(packed, len(key_prefix(join_key)) + _LENGTH.size, 2**31 - 1).cast(pa.string())
