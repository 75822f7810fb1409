"""The online store in Redis: a hash for each entity with a field for each view, read in one round trip."""

from collections.abc import Iterator, Sequence
from functools import partial

from features.online.backend import Packed, answering, place
from features.online.rows import STAMP_BYTES
from infra.errors import UsageError

_BATCH = 1_000


class RedisBackend:
    """See `Backend`. Keys begin with `oncolake:<namespace>:`; stamps are kept once more in a hash for each view."""

    def __init__(self, url: str, namespace: str) -> None:
        try:
            import redis
        except ImportError as error:
            raise UsageError(
                "An online store in Redis needs the package redis; install oncolake with its extra [redis]."
            ) from error
        self._place = place(url)
        self._errors = partial(answering, self._place, "Redis", redis.RedisError)
        self._rows = f"oncolake:{namespace}:row:".encode()
        self._stamps = f"oncolake:{namespace}:stamps:"
        self._notes = f"oncolake:{namespace}:notes"
        try:
            self._client = redis.Redis.from_url(url)
        except ValueError as error:
            raise UsageError(f"The address {self._place} of the online store is none that Redis knows.") from error
        with self._errors():
            self._client.ping()

    def read(self, keys: Sequence[bytes], views: Sequence[str]) -> dict[tuple[bytes, str], Packed]:
        with self._errors():
            if len(keys) == 1:
                answers = [self._client.hmget(self._rows + keys[0], list(views))]
            else:
                pipe = self._client.pipeline(transaction=False)
                for key in keys:
                    pipe.hmget(self._rows + key, list(views))
                answers = pipe.execute()
        return {
            (key, view): (value[:STAMP_BYTES], value[STAMP_BYTES:])
            for key, answer in zip(keys, answers, strict=True)
            for view, value in zip(views, answer, strict=True)
            if value is not None
        }

    def stamps(self, view: str) -> Iterator[list[tuple[bytes, bytes]]]:
        # A scan may give a key twice, whatever the hash did meanwhile.
        seen = set[bytes]()
        with self._errors():
            batch: list[tuple[bytes, bytes]] = []
            for key, stamp in self._client.hscan_iter(f"{self._stamps}{view}", count=_BATCH):
                if key not in seen:
                    seen.add(key)
                    batch.append((key, stamp))
                if len(batch) >= _BATCH:
                    yield batch
                    batch = []
            if batch:
                yield batch

    def write(self, view: str, rows: Sequence[tuple[bytes, bytes, bytes]]) -> None:
        with self._errors():
            for start in range(0, len(rows), _BATCH):
                pipe = self._client.pipeline(transaction=True)
                for key, stamp, body in rows[start : start + _BATCH]:
                    pipe.hset(self._rows + key, view, stamp + body)
                    pipe.hset(f"{self._stamps}{view}", key, stamp)
                pipe.execute()

    def remove(self, view: str, keys: Sequence[bytes]) -> None:
        with self._errors():
            for start in range(0, len(keys), _BATCH):
                pipe = self._client.pipeline(transaction=True)
                for key in keys[start : start + _BATCH]:
                    pipe.hdel(self._rows + key, view)
                    pipe.hdel(f"{self._stamps}{view}", key)
                pipe.execute()

    def note(self, name: str) -> str | None:
        with self._errors():
            text = self._client.hget(self._notes, name)
        return None if text is None else bytes(text).decode()

    def put_note(self, name: str, text: str) -> None:
        with self._errors():
            self._client.hset(self._notes, name, text)

    def drop(self, view: str) -> None:
        for batch in list(self.stamps(view)):
            self.remove(view, [key for key, _ in batch])

    def close(self) -> None:
        self._client.close()
