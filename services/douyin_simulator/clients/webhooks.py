"""Delivery of events: one try and three more, the same `Msg-Id` and bytes each time."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from services.douyin_simulator.clients.connections import Answer, Pool, Post, Target

_ATTEMPTS_KEPT: Final = 20_000
_OK: Final = 200
_log = logging.getLogger("siyu.douyin_simulator")


class Outcome(StrEnum):
    """How one try ended."""

    DELIVERED = "delivered"
    TRIED_AGAIN = "tried_again"
    GIVEN_UP = "given_up"


@dataclass(slots=True)
class Event:
    """One signed event for one URL. `msg_id` and `body` never change between tries.

    `dropped` is set when an ordered failure keeps it from being posted at all.
    """

    msg_id: str
    client_key: str
    name: str
    url: str
    body: bytes
    signature: str
    tries: int = 0
    dropped: bool = False
    first_try: asyncio.Future["Attempt"] | None = None


class Attempt(NamedTuple):
    """One line of the delivery log. Status 0 means that no answer came; times in ms."""

    seq: int
    msg_id: str
    event: str
    attempt: int
    status: int
    outcome: Outcome
    problem: str
    took_ms: float


@dataclass(slots=True)
class Webhooks:
    """Posts events and keeps the log of tries.

    `retry_after_s` are the pauses before each further try; `settled` hears of every event that needs
    no further try, and whether it was delivered.
    """

    retry_after_s: tuple[float, ...]
    timeout_s: float
    connections: int
    settled: Callable[[Event, bool], None]
    delivered: int = 0
    failed: int = 0
    pending: int = 0
    attempts: deque[Attempt] = field(default_factory=lambda: deque(maxlen=_ATTEMPTS_KEPT))
    _last_attempt: int = 0
    _world: int = 0
    _targets: dict[str, Target] = field(default_factory=dict)
    _pools: dict[tuple[str, int, bool], Pool] = field(default_factory=dict)

    def deliver(self, event: Event, *, after_s: float = 0) -> None:
        """Post the event, now or later, until it is delivered or given up."""
        self.pending += 1
        if after_s > 0:
            world = self._world
            asyncio.get_running_loop().call_later(after_s, self._try_in_world, event, world)
        else:
            self._try(event)

    async def post_once(self, event: Event) -> Answer:
        """Post outside the log and without a second try, for the verification handshake."""
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def done(answer: Answer) -> None:
            if not answered.done():
                answered.set_result(answer)

        self._pool(event.url).post(Post(self._request(event), self.timeout_s, done))
        try:
            return await asyncio.wait_for(answered, self.timeout_s * 2)
        except TimeoutError:
            return Answer(0, problem="timeout")

    def clear(self) -> None:
        """Forget all events on their way and the log; answers that still come count nothing."""
        self._world += 1
        self.delivered = self.failed = self.pending = 0
        self.attempts.clear()
        for pool in self._pools.values():
            pool.clear()

    async def close(self) -> None:
        """Drop all connections."""
        self._world += 1
        for pool in self._pools.values():
            await pool.close()

    def _try_in_world(self, event: Event, world: int) -> None:
        if world == self._world:
            self._try(event)

    def _try(self, event: Event) -> None:
        loop = asyncio.get_running_loop()
        world, started = self._world, loop.time()
        event.tries += 1

        def done(answer: Answer) -> None:
            if world == self._world:
                self._tried(event, answer, loop.time() - started)

        self._pool(event.url).post(Post(self._request(event), self.timeout_s, done))

    def _tried(self, event: Event, answer: Answer, took_s: float) -> None:
        attempt = self._log(event, answer, took_s)
        if event.first_try is not None and not event.first_try.done():
            event.first_try.set_result(attempt)
        if attempt.outcome is Outcome.TRIED_AGAIN:
            pause = self.retry_after_s[event.tries - 1]
            loop = asyncio.get_running_loop()
            loop.call_later(pause, self._try_in_world, event, self._world)
            return
        self.pending -= 1
        if attempt.outcome is Outcome.DELIVERED:
            self.delivered += 1
        else:
            self.failed += 1
            _log.warning("webhook_given_up msg_id=%s event=%s", event.msg_id, event.name)
        self.settled(event, attempt.outcome is Outcome.DELIVERED)

    def _log(self, event: Event, answer: Answer, took_s: float) -> Attempt:
        if answer.status == _OK:
            outcome = Outcome.DELIVERED
        elif event.tries <= len(self.retry_after_s):
            outcome = Outcome.TRIED_AGAIN
        else:
            outcome = Outcome.GIVEN_UP
        self._last_attempt += 1
        attempt = Attempt(
            seq=self._last_attempt,
            msg_id=event.msg_id,
            event=event.name,
            attempt=event.tries,
            status=answer.status,
            outcome=outcome,
            problem=answer.problem,
            took_ms=round(took_s * 1000, 1),
        )
        self.attempts.append(attempt)
        return attempt

    def _request(self, event: Event) -> bytes:
        return (
            self._target(event.url).head
            + b"Content-Type: application/json\r\nX-Douyin-Signature: "
            + event.signature.encode()
            + b"\r\nMsg-Id: "
            + event.msg_id.encode()
            + b"\r\nContent-Length: %d\r\n\r\n" % len(event.body)
            + event.body
        )

    def _target(self, url: str) -> Target:
        target = self._targets.get(url)
        if target is None:
            target = self._targets[url] = Target.of(url)
        return target

    def _pool(self, url: str) -> Pool:
        target = self._target(url)
        place = (target.host, target.port, target.secure)
        pool = self._pools.get(place)
        if pool is None:
            loop = asyncio.get_running_loop()
            pool = self._pools[place] = Pool(target, self.connections, loop)
        return pool
