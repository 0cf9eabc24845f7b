"""Fans who never stop writing: new ones, some who come back later, some at another company."""

import asyncio
import random
import time
from collections import deque
from dataclasses import dataclass, field

from tests.e2e.wire import DEMO, Shop
from tests.faults.lab import Lab
from tests.faults.tenants import OTHER
from tests.faults.traffic import (
    AGAIN_AND_AGAIN,
    EACH,
    Delivery,
    Poster,
    Said,
    deliveries,
    invent,
    say,
)
from tests.faults.waiting import until

_CHUNK = 100  # messages that are invented, made known and posted together
_AT_ONCE = 200  # deliveries of a burst that are under way
_AT_THE_OTHER = 0.2
_COMES_BACK = 0.3
_COMES_BACK_AFTER = 60.0  # seconds: later than any redelivery of ours, and no robot
_MOST_OPEN = 300  # messages that are not acknowledged: each is tried again and again
_MOST_BEFORE_IT = 4_000  # that wait inside
_PROBES = 9_000_000  # numbers of messages that measure a recovery


@dataclass(eq=False)
class Fans:
    """The traffic of a run, from its seed. `copies` above one lets every event come so often."""

    lab: Lab
    poster: Poster
    mark: str
    rate: float
    dice: random.Random
    copies: int = 1
    is_over: bool = False
    _left: deque[tuple[float, Said]] = field(default_factory=deque)  # who may come back, and when
    _group: asyncio.TaskGroup | None = None
    _number: int = 0
    _probe: int = _PROBES

    async def write(self) -> None:
        """Write until the run is over; ends when everything is acknowledged or given up."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            while not self.is_over:
                await until(lambda: self.is_over or not self._is_behind())
                said = self._chunk()
                await self.make_known(said)
                planned = deliveries(said, self.dice, self.copies)
                await self.poster.post(group, planned, self.rate)

    def _is_behind(self) -> bool:
        """Whether the house has so much before it that more would only measure the machine."""
        history = self.poster.history
        open_ones = len(history.tried) - len(history.acknowledged)
        return open_ones > _MOST_OPEN or self.lab.before_it > _MOST_BEFORE_IT

    async def burst(self, count: int) -> None:
        """So many more as fast as they are taken, beside the others."""
        said = [one for _ in range(count // _CHUNK) for one in self._chunk()]
        await self.make_known(said)
        at_once = asyncio.Semaphore(_AT_ONCE)

        async def deliver(delivery: Delivery) -> None:
            async with at_once:
                await self.poster.deliver(delivery)

        async with asyncio.TaskGroup() as group:
            for delivery in deliveries(said, self.dice):
                group.create_task(deliver(delivery))

    @property
    def next_prober(self) -> str:
        """The fan who sends the next probe."""
        return f"{self.mark}-probe-{self._probe + 1}"

    async def probe(self, shop: Shop = DEMO, rule: str = "") -> str:
        """One message, for any rule or for this, that is surely acknowledged when this returns; its id."""
        fan = self.next_prober
        self._probe += 1
        wanted = rule or self.dice.choice(AGAIN_AND_AGAIN)
        said = say(fan, wanted, self.mark, self._probe, shop)
        await self.make_known([said])
        assert self._group is not None, "nobody writes yet"
        # whoever gives up waiting does not take the message back
        delivery = self._group.create_task(self.poster.deliver(deliveries([said], self.dice)[0]))
        await asyncio.shield(delivery)
        return said.inbound.message_id

    def _chunk(self) -> list[Said]:
        shop = OTHER if self.dice.random() < _AT_THE_OTHER else DEMO
        said = invent(_CHUNK, self.dice, self.mark, self._number, shop)
        self._number += _CHUNK
        self._left += [(time.monotonic() + _COMES_BACK_AFTER, one) for one in said[::EACH]]
        while self._left and self._left[0][0] < time.monotonic():
            _, before = self._left.popleft()
            if self.dice.random() < _COMES_BACK:
                said.append(self._again(before))
        return said

    def _again(self, before: Said) -> Said:
        self._number += EACH  # so that the fans who come next have numbers of their own
        rule = self.dice.choice(AGAIN_AND_AGAIN)
        return say(before.inbound.fan, rule, self.mark, self._number - EACH, before.inbound.shop)

    async def make_known(self, said: list[Said]) -> None:
        """The platform knows what it is said to have delivered."""
        self.poster.history.said |= {one.inbound.message_id: one for one in said}
        for shop in (DEMO, OTHER):
            messages = [
                {
                    "msg_id": one.inbound.message_id,
                    "conversation_id": one.inbound.conversation,
                    "from": one.inbound.fan,
                }
                for one in said
                if one.inbound.shop == shop
            ]
            if messages:
                body = {"to": shop.open_id, "messages": messages}
                await asyncio.to_thread(self.lab.control, "messages/register", body)
