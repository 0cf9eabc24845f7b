"""One lane of one service: reads batches, runs handlers, acknowledges; a poisoned envelope ends in quarantine.

A neighbour being away pauses the lane and counts nothing. What waits for news leaves the stream, is tried
again after short pauses, and its sender's net brings it again, too. A batch that fails is taken again one by
one, and so is what two processes in a row had in their hands when they died: only then do attempts count.
What is late is taken behind what is new: a batch of each in turn, or of the late now and then where a
service has no room for it.
"""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass

import structlog
from opentelemetry.trace import Span, SpanKind

from shared.contracts.envelope import Envelope
from shared.contracts.routing import pace_of
from shared.errors import NeighbourAway
from shared.inbox import MAX_ATTEMPTS, Postponed, Quarantine
from shared.observability import metrics, semantics, tracing
from shared.queue.readers import BATCH, CarrierAway, Entry
from shared.queue.streams import Streams, stream_key
from shared.queue.waiting import Taken, Waiting

log = structlog.get_logger()

Handler = Callable[[list[Envelope]], Awaitable[None]]

_PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a lane lets a handler run, waits between attempts, and leaves to another consumer."""

    handler_seconds: float = 60
    retry_seconds: tuple[float, ...] = (1, 5, 15, 30)
    sweep_seconds: float = 5
    renew_seconds: float = 5
    abandoned_ms: int = 15_000
    late_seconds: float = (
        5  # after which a batch of what is late is taken whether or not there is room
    )
    news_seconds: tuple[float, float] = (
        0.1,
        5,
    )  # the first pause of what waits for news, the longest


_PATIENCE = Patience()


class Lane:
    """Consumes `service`'s stream of `lane` with one handler per event type."""

    def __init__(
        self,
        service: str,
        lane: str,
        handlers: Mapping[str, Handler],
        streams: Streams,
        quarantine: Quarantine,
        patience: Patience = _PATIENCE,
    ) -> None:
        self.service, self.lane = service, lane
        self._handlers, self._streams, self._quarantine = handlers, streams, quarantine
        self._patience = patience
        self._reader = streams.reader(service, lane)
        self._destination = stream_key(service, lane)
        self._waiting = Waiting(*patience.news_seconds)
        self._later: list[tuple[float, Taken]] = []
        self._swept = 0.0
        self._began = 0.0
        self._took_late = 0.0
        self._is_behind = False
        self._holds = False  # something may be in our hands
        self.has_room: Callable[[], bool] = lambda: True  # for what is late
        self.alive_at = time.monotonic()

    async def run(self) -> None:
        """Read and handle until cancelled."""
        pause = 0
        recover = self._after_death
        while True:
            self.alive_at = time.monotonic()
            try:
                await recover()
                recover = self._nothing
                await self.step(block_ms=5000)
                pause = 0
            except NeighbourAway as away:
                log.info("lane_pauses", service=self.service, lane=self.lane, reason=str(away))
                await asyncio.sleep(_PAUSES[pause] * random.uniform(0.8, 1.2))
                pause = min(pause + 1, len(_PAUSES) - 1)
                if recover == self._nothing:
                    recover = self._after_pause

    async def keep(self) -> None:
        """Tell others that what takes long is still in our hands, until cancelled.

        Their sweeps would count attempts on it. A process that died, or stands still, tells nobody.
        """
        while True:
            await asyncio.sleep(self._patience.renew_seconds)
            if self._holds:
                with suppress(CarrierAway):
                    await self._reader.renew(int(self._patience.renew_seconds * 1000))

    async def _nothing(self) -> None:
        """Go on with what is new."""

    async def _after_pause(self) -> None:
        """A neighbour was away: what is in our hands comes first, and nothing is counted.

        What failed by itself before keeps its pause, or pauses of a neighbour would use up its attempts.
        """
        self._holds = True
        held = {taken.entry for _, taken in self._later}
        async for entries in self._reader.in_hand():
            await self._batch(await self._read([e for e in entries if e not in held]))

    async def _after_death(self) -> None:
        """A process died with these in its hands: once may be an accident, twice is suspicious."""
        self._holds = True
        async for first, again in self._reader.left_behind():
            await self._batch(await self._read(first))
            await self._one_by_one(await self._read(again))

    async def step(self, *, block_ms: int) -> int:
        """One batch; how many entries were taken."""
        self._holds = bool(self._later)
        due = [taken for at, taken in self._later if at <= time.monotonic()]
        self._later = [(at, taken) for at, taken in self._later if at > time.monotonic()]
        await self._one_by_one(due)
        if time.monotonic() - self._swept > self._patience.sweep_seconds:
            self._swept = time.monotonic()
            held = {taken.entry for _, taken in self._later}
            found = await self._reader.abandoned(self._patience.abandoned_ms)
            self._holds |= bool(found)
            left = [e for e in found if e not in held]
            await self._one_by_one(await self._read(left))
        if self._waiting:
            await self._batch(self._waiting.due(time.monotonic()))
        takes_late = self.has_room() or self._is_over_late()
        if not takes_late:
            block_ms = min(block_ms, 25)
        elif self._waiting:
            block_ms = min(block_ms, 100)
        elif self._later:
            block_ms = min(block_ms, 500)
        if block_ms and not self._is_behind:  # 0 asks for what is there, now
            await asyncio.sleep(self._began + pace_of(self.lane) - time.monotonic())
        entries = await self._reader.new(block_ms=block_ms, late=takes_late)
        self._began = time.monotonic()
        self._holds |= bool(entries)
        self._took_late = self._began if takes_late else self._took_late
        new, late = [e for e in entries if not e.is_late], [e for e in entries if e.is_late]
        self._is_behind = max(len(new), len(late)) >= BATCH  # then nothing needs to be collected
        for batch in filter(None, (new, late)):
            await self._batch(await self._read(batch))
        return len(entries) + len(due)

    def _is_over_late(self) -> bool:
        return time.monotonic() - self._took_late > self._patience.late_seconds

    async def _read(self, entries: Sequence[Entry]) -> list[Taken]:
        """Decode; park what no handler knows, put aside what is no envelope."""
        readable = []
        for entry in entries:
            try:
                envelope = Envelope.load(entry.raw, is_late=entry.is_late)
            except (ValueError, KeyError, TypeError):
                place = entry.place.decode()
                await self._quarantine.give_up(
                    f"undecodable-{place}", self.lane, entry.raw, "undecodable"
                )
                await self._streams.finish(self.service, self.lane, [entry], {})
                metrics.child(metrics.quarantined, self.service, self.lane).inc()
                continue
            if envelope.type in self._handlers:
                readable.append(Taken(entry, envelope))
            else:
                await self._give_up(Taken(entry, envelope), "unknown_type")
        return readable

    async def _batch(self, batch: Sequence[Taken]) -> None:
        by_type: dict[str, list[Taken]] = defaultdict(list)
        for taken in batch:
            by_type[taken.envelope.type].append(taken)
        for kind, group in by_type.items():
            try:
                # one envelope may be in a batch twice: the inbox tells batches apart, not copies
                once = {taken.envelope.id: taken.envelope for taken in group}
                await self._handle(kind, list(once.values()))
            except NeighbourAway:
                raise
            except Postponed as put_off:
                await self._let_go([t for t in group if t.envelope.id in put_off.ids])
                await self._finish([t for t in group if t.envelope.id not in put_off.ids])
            except Exception as error:  # whatever it is, its neighbours must go on
                log.warning(
                    "batch_failed",
                    service=self.service,
                    type=kind,
                    count=len(group),
                    exc_info=error,
                )
                await self._one_by_one(group)
            else:
                await self._finish(group)

    async def _one_by_one(self, group: Sequence[Taken]) -> None:
        for taken in group:
            envelope = taken.envelope
            attempt = await self._quarantine.count(envelope.id, self.lane, taken.entry.raw)
            if attempt is None:
                await self._finish([taken])
                continue
            if attempt > MAX_ATTEMPTS:  # the last one never came back to say how it ended
                await self._give_up(taken, "process_died")
                continue
            try:
                await self._handle(envelope.type, [envelope])
            except NeighbourAway:
                await self._quarantine.uncount(envelope.id)
                raise
            except Postponed:
                await self._quarantine.uncount(envelope.id)
                await self._let_go([taken])
                continue
            except Exception as error:  # counted, then quarantined
                log.warning(
                    "envelope_failed",
                    envelope=envelope.id,
                    type=envelope.type,
                    attempt=attempt,
                    exc_info=error,
                )
                if attempt >= MAX_ATTEMPTS:
                    await self._give_up(taken, type(error).__name__)
                else:
                    wait = self._patience.retry_seconds[attempt - 1]
                    self._later.append((time.monotonic() + wait, taken))
                continue
            await self._quarantine.forget(envelope.id)
            await self._finish([taken])

    async def _handle(self, kind: str, envelopes: list[Envelope]) -> None:
        self.alive_at = time.monotonic()
        with metrics.handled(self.service, kind, len(envelopes)), self._span(envelopes):
            async with asyncio.timeout(self._patience.handler_seconds):
                await self._handlers[kind](envelopes)

    def _span(self, envelopes: Sequence[Envelope]) -> AbstractContextManager[Span]:
        """A batch has many origins: it is a trace of its own that links theirs."""
        facts = {
            semantics.MESSAGING_SYSTEM: semantics.OUR_STREAMS,
            semantics.MESSAGING_OPERATION: "process",
            semantics.MESSAGING_OPERATION_TYPE: "process",
            semantics.MESSAGING_DESTINATION: self._destination,
            semantics.MESSAGING_BATCH: len(envelopes),
        }
        name, links = f"process {self._destination}", (e.trace for e in envelopes)
        return tracing.span(name, SpanKind.CONSUMER, facts, continues="", links=links)

    async def _finish(self, group: Sequence[Taken]) -> None:
        heard: dict[str, list[str]] = defaultdict(list)
        for taken in group:
            heard[taken.envelope.sender].append(taken.envelope.id)
        try:
            await self._streams.finish(self.service, self.lane, [t.entry for t in group], heard)
        except CarrierAway:
            log.info("acknowledgement_lost", service=self.service, lane=self.lane, count=len(group))

    async def _let_go(self, group: Sequence[Taken]) -> None:
        """Off the stream, but not acknowledged: they are tried again, here and by whom the net brings them to."""
        account = group[0].envelope.account_id
        if any(taken.since is None for taken in group):
            log.info("envelopes_postponed", lane=self.lane, count=len(group), account=account)
        self._waiting.put(group, time.monotonic())
        await self._streams.finish(self.service, self.lane, [t.entry for t in group], {})

    async def _give_up(self, taken: Taken, reason: str) -> None:
        envelope = taken.envelope
        await self._quarantine.give_up(envelope.id, self.lane, taken.entry.raw, reason)
        metrics.child(metrics.quarantined, self.service, self.lane).inc()
        log.error(
            "envelope_quarantined",
            envelope=envelope.id,
            type=envelope.type,
            reason=reason,
            cause=envelope.cause,
        )
        await self._finish([taken])
