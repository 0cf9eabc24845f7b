"""People who answer fans by the API while everything breaks: more than the quota allows, each key again and again."""

import asyncio
import random
from dataclasses import dataclass, field

from tests.e2e.wire import DEMO
from tests.faults.callers import Caller, Written, session_of
from tests.faults.lab import Lab
from tests.faults.traffic import HANDS_OVER, History

ACCOUNT = "acc_demo"
SAYS = " 答 "  # in every text of a person
_WROTE = 8  # replies to a fan: two more than the window holds
_REPEATED = 2  # answers that are fetched for each key
_LOOK_SECONDS = 1.0
_SETTLED_SECONDS = 4.0  # after the fan's last words, so that all replies fall into one window


@dataclass(eq=False)
class People:
    """They answer every fan of the demo shop who asked for a person."""

    lab: Lab
    history: History
    dice: random.Random
    written: Written = field(default_factory=Written)
    is_over: bool = False
    _served: set[str] = field(default_factory=set)

    async def answer(self) -> None:
        """Until the run is over; what was begun is finished."""
        async with session_of(self.lab.keys[DEMO.open_id]) as session, asyncio.TaskGroup() as group:
            caller = Caller(
                self.lab.api, ACCOUNT, session, self.dice, self.written, lambda: self.is_over
            )
            while not self.is_over:
                for fan in self._waiting():
                    self._served.add(fan)
                    group.create_task(_serve(caller, fan))
                await asyncio.sleep(_LOOK_SECONDS)

    def _waiting(self) -> list[str]:
        return [
            said.inbound.fan
            for message_id, said in list(self.history.said.items())
            if said.rule == HANDS_OVER
            and said.inbound.shop.open_id.endswith("0001")
            and message_id in self.history.acknowledged
            and said.inbound.fan not in self._served
        ]


async def _serve(caller: Caller, fan: str) -> None:
    await asyncio.sleep(_SETTLED_SECONDS)
    conversation = await caller.conversation(fan)
    if conversation is None:
        return
    texts = [f"客服{number}{SAYS}{fan}" for number in range(_WROTE)]
    async with asyncio.TaskGroup() as group:
        for text in texts:
            for _ in range(_REPEATED):
                group.create_task(caller.write(conversation, text))
