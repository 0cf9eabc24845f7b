"""Readers of streams: what is new, what is in hand, and what others left behind."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from shared.errors import NeighbourAway

BATCH = 200
_LATE_AT_ONCE = 50


class CarrierAway(NeighbourAway):
    """Redis gave no answer."""


@contextmanager
def asking() -> Iterator[None]:
    """Around what Redis is asked. Raises CarrierAway when it gives no answer, or a wrong one."""
    try:
        yield
    except (RedisError, OSError) as error:
        raise CarrierAway("Redis is away", neighbour="redis") from error


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a lane: which of its streams, the place there, and the envelope's bytes."""

    place: bytes
    raw: bytes
    is_late: bool = False


class Reader:
    """Reads the streams of one lane, the new one first, as one consumer of their groups.

    Raises CarrierAway when Redis gives no answer. Streams and groups that are gone are made again, and
    `lost` is told.
    """

    def __init__(
        self,
        redis: Redis,
        keys: Sequence[str],
        group: str,
        consumer: str,
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._redis, self._lost = redis, lost
        self._keys, self._group, self._consumer = keys, group, consumer

    async def new(self, *, block_ms: int, late: bool = True, forget: bool = False) -> list[Entry]:
        """The next entries, a batch of each stream at most; [] when there are none.

        Waits up to `block_ms` (0: not at all). Without `late`, only of what is new.
        """
        keys = self._keys if late else self._keys[:1]
        return await self._guard(self._read(dict.fromkeys(keys, ">"), block_ms, forget=forget))

    async def in_hand(self) -> AsyncIterator[list[Entry]]:
        """What this consumer read and has not finished, a batch at a time."""
        for key in self._keys:
            after = b"0"
            while entries := await self._guard(self._read({key: after}, 0)):
                after = entries[-1].place
                yield entries

    async def left_behind(self) -> AsyncIterator[tuple[list[Entry], list[Entry]]]:
        """What this consumer had in its hands when its process died: for the first time, and again."""
        for key in self._keys:
            start = b"-"
            while pending := await self._pending(key, start):
                again = {p["message_id"] for p in pending if p["times_delivered"] > 1}
                first = [p["message_id"] for p in pending if p["message_id"] not in again]
                yield await self._claim(key, first), await self._claim(key, sorted(again))
                start = b"(" + pending[-1]["message_id"]

    async def renew(self, idle_ms: int) -> None:
        """Say that this consumer still works on what it has had in its hands for that long."""
        for key in self._keys:
            start = b"-"
            while pending := await self._pending(key, start, idle_ms):
                places = [p["message_id"] for p in pending]
                await self._claim(key, places, idle_ms, is_counted=False)
                start = b"(" + places[-1]

    async def abandoned(self, idle_ms: int) -> list[Entry]:
        """What dead consumers left, now ours: of what is late only a little, since it is taken one by one."""

        async def claim(key: str, most: int) -> list[Entry]:
            answer = await self._redis.xautoclaim(
                key, self._group, self._consumer, min_idle_time=idle_ms, count=most
            )
            return self._entries(key, answer[1])

        for key, most in zip(self._keys, (BATCH, _LATE_AT_ONCE), strict=False):
            if found := await self._guard(claim(key, most)):
                return found
        return []

    async def _pending(
        self, key: str, start: bytes, idle_ms: int | None = None
    ) -> list[dict[str, Any]]:
        pending = self._redis.xpending_range(
            key, self._group, start, "+", BATCH, consumername=self._consumer, idle=idle_ms
        )
        with asking():
            try:
                return await pending  # type: ignore[no-any-return]
            except ResponseError:  # the stream is gone, and whatever was in it is sent again
                return []

    async def _claim(
        self, key: str, places: Sequence[bytes], idle_ms: int = 0, *, is_counted: bool = True
    ) -> list[Entry]:
        """Take entries once more; Redis counts how often, unless they never left our hands."""
        if not places:
            return []
        claiming = self._redis.xclaim(
            key, self._group, self._consumer, idle_ms, list(places), justid=not is_counted
        )
        with asking():
            answer = await claiming
        return self._entries(key, answer) if is_counted else []

    async def _read(
        self, after: dict[Any, Any], block_ms: int, *, forget: bool = False
    ) -> list[Entry]:
        answer = await self._redis.xreadgroup(
            self._group, self._consumer, after, count=BATCH, block=block_ms or None, noack=forget
        )
        return [e for key, found in answer or () for e in self._entries(key.decode(), found)]

    def _entries(
        self, key: str, found: Iterable[tuple[bytes, dict[bytes, bytes] | None]]
    ) -> list[Entry]:
        is_late = key != self._keys[0]
        # a claimed entry that was deleted meanwhile has no fields
        return [Entry(p, next(iter(fields.values())), is_late) for p, fields in found if fields]

    async def _guard(self, reading: Any) -> list[Entry]:
        with asking():
            try:
                return await reading  # type: ignore[no-any-return]
            except ResponseError as error:
                if "NOGROUP" not in str(
                    error
                ):  # full, read-only, not to be written to: it may pass
                    raise CarrierAway("Redis refuses", neighbour="redis") from error
                for key in self._keys:
                    await self._create(key)
        self._lost()
        return []

    async def _create(self, key: str) -> None:
        try:
            await self._redis.xgroup_create(key, self._group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise CarrierAway("Redis refuses", neighbour="redis") from error


class Acknowledgements:
    """Reads acknowledgements; a lost one is harmless, so they are forgotten as they are read."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def read(self, *, block_ms: int) -> dict[str, list[str]]:
        """Hearer → event ids."""
        heard: dict[str, list[str]] = defaultdict(list)
        for entry in await self._reader.new(block_ms=block_ms, forget=True):
            hearer, ids = orjson.loads(entry.raw)
            heard[hearer] += ids
        return heard
