"""Redis streams: one per hearing service and lane, one consumer group, acknowledgements back.

Nothing here is remembered that PostgreSQL does not know. Streams and groups that vanish are made
again on the spot, and `when_lost` tells the relays of this process to send again.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from shared.db.engine import Delivery
from shared.errors import NeighbourAway
from shared.observability import metrics

BATCH = 200
BOUND = 5_000  # envelopes in one stream; the backlog stays in PostgreSQL
_COMMAND_SECONDS = 2.0
# One command for many envelopes, which knows the stream's length whoever else adds to it.
_ADD = """
local room = tonumber(ARGV[1]) - redis.call('XLEN', KEYS[1])
local added = math.max(math.min(#ARGV - 1, room), 0)
for i = 1, added do redis.call('XADD', KEYS[1], '*', 'e', ARGV[i + 1]) end
return added
"""


class CarrierAway(NeighbourAway):
    """Redis gave no answer."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a stream: its place and the envelope's bytes."""

    place: bytes
    raw: bytes


def _connect(url: str, seconds: float) -> Redis:
    redis: Redis = Redis.from_url(
        url,
        socket_timeout=seconds,
        socket_connect_timeout=1.0,
        retry=Retry(NoBackoff(), 0),
        max_connections=10,
    )
    return redis


def stream_key(service: str, lane: str) -> str:
    """The stream that `service` reads for `lane`."""
    return f"siyu:{service}:{lane}"


class Streams:
    """All streams of this process. Raises CarrierAway when Redis gives no answer."""

    def __init__(self, url: str, consumer: str) -> None:
        self._url = url
        self._consumer = consumer
        self._redis = _connect(url, _COMMAND_SECONDS)
        self._readers: list[Redis] = []
        self.when_lost: list[Callable[[], None]] = []

    def lost(self) -> None:
        """A stream was gone: whatever was in it must be sent again."""
        for tell in self.when_lost:
            tell()

    async def ping(self) -> None:
        """Raise CarrierAway unless Redis answers."""
        try:
            await self._redis.ping()
        except (RedisError, OSError) as error:
            raise CarrierAway("Redis is away", neighbour="redis") from error

    async def room(self, service: str, lane: str) -> int:
        """How many more envelopes this stream may take."""
        key = stream_key(service, lane)
        try:
            return BOUND - int(await self._redis.xlen(key))
        except (RedisError, OSError) as error:
            raise CarrierAway("Redis is away", neighbour="redis") from error

    async def backlogs(
        self, lanes: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], tuple[int, float]]:
        """(service, lane) → entries that are not finished, and the age of the oldest in seconds."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.time()
        for lane in lanes:
            pipeline.xlen(stream_key(*lane))
            pipeline.xrange(stream_key(*lane), count=1)
        try:
            (seconds, microseconds), *answers = await pipeline.execute()
        except (RedisError, OSError) as error:
            raise CarrierAway("Redis is away", neighbour="redis") from error
        now = seconds + microseconds / 1e6
        return {
            lane: (int(length), _age(oldest, now))
            for lane, length, oldest in zip(lanes, answers[::2], answers[1::2], strict=True)
        }

    async def send(self, deliveries: Sequence[Delivery]) -> None:
        """Add envelopes to the streams of their hearers; what finds no room is left to the net."""
        by_stream: dict[str, list[bytes]] = defaultdict(list)
        for d in deliveries:
            by_stream[stream_key(d.hearer, d.lane)].append(d.envelope)
        pipeline = self._redis.pipeline(transaction=False)
        for key, envelopes in by_stream.items():
            pipeline.execute_command("EVAL", _ADD, 1, key, BOUND, *envelopes)
        for key, added in zip(by_stream, await _executed(pipeline, "send"), strict=True):
            metrics.child(metrics.sent, key).inc(added)

    async def finish(
        self, service: str, lane: str, entries: Iterable[Entry], heard: dict[str, list[str]]
    ) -> None:
        """Take entries off the stream and acknowledge their events to the senders (sender → ids)."""
        key = stream_key(service, lane)
        places = [e.place for e in entries]
        pipeline = self._redis.pipeline(transaction=False)
        if places:
            pipeline.xack(key, service, *places)
            pipeline.xdel(key, *places)
        for sender, ids in heard.items():
            pipeline.xadd(f"siyu:acks:{sender}", {"a": orjson.dumps([service, ids])}, maxlen=BOUND)
        await _executed(pipeline, "settle")

    def reader(self, service: str, lane: str) -> "Reader":
        """A blocking reader with a connection of its own."""
        return Reader(self, self._reading(), stream_key(service, lane), service, self._consumer)

    def acknowledgements(self, service: str) -> "Acknowledgements":
        """A reader of what was acknowledged to `service`."""
        key = f"siyu:acks:{service}"
        return Acknowledgements(Reader(self, self._reading(), key, service, self._consumer))

    def _reading(self) -> Redis:
        redis = _connect(self._url, 10.0)
        self._readers.append(redis)
        return redis

    async def close(self) -> None:
        """Close every connection."""
        for redis in (self._redis, *self._readers):
            await redis.aclose()


class Reader:
    """Reads one stream as one consumer of its group."""

    def __init__(self, streams: Streams, redis: Redis, key: str, group: str, consumer: str) -> None:
        self._streams, self._redis = streams, redis
        self._key, self._group, self._consumer = key, group, consumer

    async def new(self, *, block_ms: int, forget: bool = False) -> list[Entry]:
        """The next entries, waiting up to `block_ms` (0: not at all); [] when there are none."""
        return await self._guard(self._read(">", block_ms, forget=forget))

    async def own_pending(self, *, after: bytes = b"0") -> list[Entry]:
        """What this consumer read and has not finished, behind that place; a batch at most."""
        return await self._guard(self._read(after, 0))

    async def left_behind(self) -> AsyncIterator[tuple[list[Entry], list[Entry]]]:
        """What this consumer had in its hands when its process died: for the first time, and again."""
        start = b"-"
        while True:
            try:
                pending = await self._redis.xpending_range(
                    self._key, self._group, start, "+", BATCH, consumername=self._consumer
                )
            except ResponseError:  # the stream is gone, and whatever was in it is sent again
                return
            except (RedisError, OSError) as error:
                raise CarrierAway("Redis is away", neighbour="redis") from error
            if not pending:
                return
            again = {p["message_id"] for p in pending if p["times_delivered"] > 1}
            first = [p["message_id"] for p in pending if p["message_id"] not in again]
            yield await self._claim(first), await self._claim(sorted(again))
            start = b"(" + pending[-1]["message_id"]

    async def _claim(self, places: Sequence[bytes]) -> list[Entry]:
        """Take entries once more; Redis counts how often."""
        if not places:
            return []
        claiming = self._redis.xclaim(self._key, self._group, self._consumer, 0, list(places))
        try:
            return _entries(await claiming)
        except (RedisError, OSError) as error:
            raise CarrierAway("Redis is away", neighbour="redis") from error

    async def abandoned(self, idle_ms: int) -> list[Entry]:
        """What a dead consumer left, now ours."""

        async def claim() -> list[Entry]:
            answer = await self._redis.xautoclaim(
                self._key, self._group, self._consumer, min_idle_time=idle_ms, count=BATCH
            )
            return _entries(answer[1])

        return await self._guard(claim())

    async def _read(
        self, start: str | bytes, block_ms: int, *, forget: bool = False
    ) -> list[Entry]:
        answer = await self._redis.xreadgroup(
            self._group,
            self._consumer,
            {self._key: start},
            count=BATCH,
            block=block_ms or None,
            noack=forget,
        )
        return _entries(answer[0][1]) if answer else []

    async def _guard(self, reading: Any) -> list[Entry]:
        try:
            return await reading  # type: ignore[no-any-return]
        except ResponseError as error:
            if "NOGROUP" not in str(error):  # full, read-only, not to be written to: it may pass
                raise CarrierAway("Redis refuses", neighbour="redis") from error
            await self._create()
            return []
        except (RedisError, OSError) as error:
            raise CarrierAway("Redis is away", neighbour="redis") from error

    async def _create(self) -> None:
        try:
            await self._redis.xgroup_create(self._key, self._group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise CarrierAway("Redis refuses", neighbour="redis") from error
        except (RedisError, OSError) as error:
            raise CarrierAway("Redis is away", neighbour="redis") from error
        self._streams.lost()


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


async def _executed(pipeline: Pipeline, operation: str) -> list[Any]:
    with metrics.timed(metrics.child(metrics.operation_seconds, operation)):
        try:
            return await pipeline.execute()
        except (RedisError, OSError) as error:
            raise CarrierAway("Redis is away", neighbour="redis") from error


def _age(oldest: Sequence[tuple[bytes, Any]], now: float) -> float:
    """Redis names an entry by the millisecond in which it came."""
    return max(now - int(oldest[0][0].partition(b"-")[0]) / 1000, 0.0) if oldest else 0.0


def _entries(found: Iterable[tuple[bytes, dict[bytes, bytes] | None]]) -> list[Entry]:
    # a claimed entry that was deleted meanwhile has no fields
    return [Entry(place, next(iter(fields.values()))) for place, fields in found if fields]
