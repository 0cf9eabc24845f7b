"""Redis streams: two per hearing service and lane, one consumer group, acknowledgements back.

One stream holds what is new, and no more than about a second of it; the other what is late: sent again
by a net, come of something late, or new when there was no room. A reader takes a batch of each, the new
first, so what is written now never waits behind a backlog, and a backlog goes on.

Nothing here is remembered that PostgreSQL does not know. Streams and groups that vanish are made
again on the spot, and `when_lost` tells the relays of this process to send again.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from shared.db.engine import Delivery
from shared.observability import metrics
from shared.queue.readers import Acknowledgements, Entry, Reader, asking

NEW = 1_000  # envelopes in the stream of what is new
LATE = 4_000  # envelopes in the stream of what is late; the backlog stays in PostgreSQL
_ACKNOWLEDGED = 5_000  # acknowledgements that are kept for a sender
_COMMAND_SECONDS = 2.0
# One command for many envelopes, the new ones first, which knows the streams' lengths whoever else adds.
_ADD = """
local new = tonumber(ARGV[1])
local room = {tonumber(ARGV[2]) - redis.call('XLEN', KEYS[1]),
              tonumber(ARGV[3]) - redis.call('XLEN', KEYS[2])}
local added = 0
for i = 1, #ARGV - 3 do
  local to = (i <= new and room[1] > 0) and 1 or 2
  if room[to] > 0 then
    redis.call('XADD', KEYS[to], '*', 'e', ARGV[i + 3])
    room[to] = room[to] - 1
    added = added + 1
  end
end
return added
"""


class _Client(Redis):
    """A client whose commands end in time, by a limit of ours.

    Its own limit (`socket_timeout`) sends with `asyncio.wait_for`, which before Python 3.12 forgets a
    cancellation that comes when the bytes have just left (python/cpython#86296): a loop that was told
    to end then went on for ever. It also makes a task for each command.
    """

    seconds: float

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        """As its parent. Raises TimeoutError."""
        async with asyncio.timeout(self.seconds):
            return await super().execute_command(*args, **options)  # type: ignore[no-untyped-call]


def _connect(url: str, seconds: float) -> Redis:
    redis: _Client = _Client.from_url(
        url, socket_connect_timeout=1.0, retry=Retry(NoBackoff(), 0), max_connections=10
    )
    redis.seconds = seconds
    return redis


def stream_key(service: str, lane: str) -> str:
    """The stream of what is new that `service` reads for `lane`."""
    return f"siyu:{service}:{lane}"


def late_key(service: str, lane: str) -> str:
    """The stream of what is late."""
    return f"siyu:{service}:{lane}:late"


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
        with asking():
            await self._redis.ping()

    async def room(self, service: str, lane: str) -> int:
        """How many more late envelopes this lane may take."""
        with asking():
            return LATE - int(await self._redis.xlen(late_key(service, lane)))

    async def backlogs(
        self, lanes: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], tuple[int, float]]:
        """(service, lane) → entries that are not finished, and the age of the oldest in seconds."""
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.time()
        for lane in lanes:
            for key in (stream_key(*lane), late_key(*lane)):
                pipeline.xlen(key)
                pipeline.xrange(key, count=1)
        (seconds, microseconds), *answers = await _executed(pipeline, "look")
        now = seconds + microseconds / 1e6
        of_streams = zip(answers[::2], answers[1::2], strict=True)
        found = [(int(length), _age(oldest, now)) for length, oldest in of_streams]
        return {
            lane: (new[0] + late[0], max(new[1], late[1]))
            for lane, new, late in zip(lanes, found[::2], found[1::2], strict=True)
        }

    async def send(self, deliveries: Sequence[Delivery]) -> None:
        """Add envelopes to the streams of their hearers; what finds no room is left to the net."""
        by_lane: dict[tuple[str, str], tuple[list[bytes], list[bytes]]] = defaultdict(
            lambda: ([], [])
        )
        for d in deliveries:
            by_lane[d.hearer, d.lane][d.is_late].append(d.envelope)
        pipeline = self._redis.pipeline(transaction=False)
        for lane, (new, late) in by_lane.items():
            keys = stream_key(*lane), late_key(*lane)
            pipeline.execute_command("EVAL", _ADD, 2, *keys, len(new), NEW, LATE, *new, *late)
        for lane, added in zip(by_lane, await _executed(pipeline, "send"), strict=True):
            metrics.child(metrics.sent, stream_key(*lane)).inc(added)

    async def finish(
        self, service: str, lane: str, entries: Iterable[Entry], heard: dict[str, list[str]]
    ) -> None:
        """Take entries off the lane and acknowledge their events to the senders (sender → ids)."""
        places: dict[str, list[bytes]] = defaultdict(list)
        for e in entries:
            places[late_key(service, lane) if e.is_late else stream_key(service, lane)].append(
                e.place
            )
        pipeline = self._redis.pipeline(transaction=False)
        for key, here in places.items():
            pipeline.xack(key, service, *here)
            pipeline.xdel(key, *here)
        for sender, ids in heard.items():
            told: dict[Any, Any] = {"a": orjson.dumps([service, ids])}
            pipeline.xadd(f"siyu:acks:{sender}", told, maxlen=_ACKNOWLEDGED)
        await _executed(pipeline, "settle")

    def reader(self, service: str, lane: str) -> Reader:
        """A blocking reader with a connection of its own."""
        keys = stream_key(service, lane), late_key(service, lane)
        return Reader(self._reading(), keys, service, self._consumer, self.lost)

    def acknowledgements(self, service: str) -> Acknowledgements:
        """A reader of what was acknowledged to `service`."""
        keys = (f"siyu:acks:{service}",)
        return Acknowledgements(Reader(self._reading(), keys, service, self._consumer, self.lost))

    def _reading(self) -> Redis:
        redis = _connect(self._url, 10.0)
        self._readers.append(redis)
        return redis

    async def close(self) -> None:
        """Close every connection."""
        for redis in (self._redis, *self._readers):
            await redis.aclose()


async def _executed(pipeline: Pipeline, operation: str) -> list[Any]:
    with metrics.timed(metrics.child(metrics.operation_seconds, operation)), asking():
        async with asyncio.timeout(_COMMAND_SECONDS):
            return await pipeline.execute()


def _age(oldest: Sequence[tuple[bytes, Any]], now: float) -> float:
    """Redis names an entry by the millisecond in which it came."""
    return max(now - int(oldest[0][0].partition(b"-")[0]) / 1000, 0.0) if oldest else 0.0
