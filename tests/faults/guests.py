"""Guests hold a conversation: each waits for the answer before saying the next thing, as people do.

Some look at the menu and leave a number in a flow, some ask for a person: two agents reach for each of
those at once, one answers, hands on, and the other gives the fan back to the bot. Who gets no answer in
time leaves; whoever is answered must be answered with exactly the next words of the story.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.wire import DEMO, Shop
from tests.faults.callers import Caller, Told, Written, session_of
from tests.faults.fans import Fans
from tests.faults.lab import Lab
from tests.faults.people import SAYS
from tests.faults.stories import BEGINS, CARE, MENU, NAME, PHONE, SIZE
from tests.faults.tenants import CANARY, OTHER, OTHERS_ACCOUNT, REPLIES
from tests.faults.traffic import HANDS_OVER, Delivery, Said, deliveries, say
from tests.faults.waiting import AWAY, until

_SHARE = 0.12  # of the messages of a run are theirs
_SAYS = 5  # of them in one conversation, about
_ASK_FOR_PEOPLE = 0.3
_AT_THE_OTHER = 0.3
_TWICE = 0.4  # tap the entry that begins the flow twice
_MOST = 60  # at once
_PATIENCE = 40.0  # seconds for one answer
_LOOK_SECONDS = 0.5
_PRESENT_SECONDS = 60.0
_AGENTS = 2
_NUMBERS = 5_000_000  # of their messages


@dataclass(eq=False)
class Guests:
    """They come at a steady rate until the run is over."""

    lab: Lab
    fans: Fans
    written: Written
    dice: random.Random
    told: Told = field(default_factory=Told)
    is_over: bool = False
    is_paused: bool = False  # nobody new comes
    _heard: Counter[tuple[str, str]] = field(default_factory=Counter)  # (fan, text)
    _seen: int = 0
    _there: int = 0  # guests who talk now
    _number: int = _NUMBERS

    async def visit(self) -> None:
        """Until the run is over; every conversation is ended."""
        async with session_of(self.lab.keys[OTHER.open_id]) as session:
            caller = Caller(
                *(self.lab.api, OTHERS_ACCOUNT, session, self.dice, self.written),
                lambda: self.is_over,
            )
            agents = await self._hire(caller)
            async with asyncio.TaskGroup() as group:
                listening = group.create_task(self._listen())
                desk = group.create_task(_be_there(caller, agents))
                async with asyncio.TaskGroup() as talks:
                    while not self.is_over:
                        await asyncio.sleep(_SAYS / (self.fans.rate * _SHARE))
                        if not self.is_paused and self._there < _MOST:
                            talks.create_task(self._talk(caller, agents))
                listening.cancel()
                desk.cancel()

    async def leave(self) -> None:
        """Nobody comes any more, and everybody who is there goes on to the end."""
        self.is_paused = True
        await until(lambda: not self._there)

    # -------------------------------------------------------------------------------- talking

    async def _talk(self, caller: Caller, agents: Sequence[str]) -> None:
        self._there += 1
        self._number += 10
        fan = f"{self.fans.mark}-guest-{self._number}"
        try:
            if self.dice.random() < _ASK_FOR_PEOPLE:
                how = await self._with_people(caller, agents, fan)
            else:
                shop = OTHER if self.dice.random() < _AT_THE_OTHER else DEMO
                how = await self._with_menu(fan, shop)
            self.told.done[how] += 1
        finally:
            self._there -= 1

    async def _with_menu(self, fan: str, shop: Shop) -> str:
        if not await self._is_answered(fan, [MENU], shop):
            return "menu without an answer"
        if self.dice.random() < 0.2:
            is_told = await self._is_answered(fan, [CARE], shop)
            return "menus read" if is_told else "menu entry without an answer"
        taps = 2 if self.dice.random() < _TWICE else 1
        if not await self._is_answered(fan, [BEGINS] * taps, shop):
            return "flow not begun"
        for rule in (NAME, SIZE, PHONE):
            if not await self._is_answered(fan, [rule], shop):
                return "flow without an answer"
        return "flows finished"

    async def _is_answered(self, fan: str, rules: Sequence[str], shop: Shop) -> bool:
        """Say this at once; whether as many answers come."""
        text = REPLIES[shop.open_id][rules[0]]
        before = self._heard[fan, text]
        await self._say(fan, rules, shop)
        deadline = time.monotonic() + _PATIENCE
        wanted = before + len(rules)
        await until(lambda: self._heard[fan, text] >= wanted or time.monotonic() > deadline)
        return self._heard[fan, text] >= wanted

    async def _say(self, fan: str, rules: Sequence[str], shop: Shop) -> list[str]:
        """Each is acknowledged when this returns; their ids."""
        said = [self._invented(fan, rule, shop) for rule in rules]
        await self.fans.make_known(said)
        planned: list[Delivery] = deliveries(said, self.dice)
        async with asyncio.TaskGroup() as group:
            for delivery in planned:
                group.create_task(self.fans.poster.deliver(delivery))
        return [one.inbound.message_id for one in said]

    def _invented(self, fan: str, rule: str, shop: Shop) -> Said:
        self._number += 1
        said = say(fan, rule, self.fans.mark, self._number, shop)
        if rule == PHONE:
            self.told.phones[said.inbound.message_id] = fan
        return said

    # ---------------------------------------------------------------------------- with people

    async def _with_people(self, caller: Caller, agents: Sequence[str], fan: str) -> str:
        if not await self._is_answered(fan, [HANDS_OVER], OTHER):
            return "hand-off without a notice"
        talk = await caller.conversation(fan)
        if talk is None:
            return "hand-off not found"
        holder = await self._taken(caller, talk, agents, fan)
        if holder is None:
            return "hand-off not taken"
        await caller.write(talk, f"{CANARY}客服 {holder}{SAYS}{fan}")
        if not await self._is_quiet(caller, talk, fan):
            return "hand-off given up"
        other = next(agent for agent in agents if agent != holder)
        hands_on = {"agent_id": holder, "to_agent_id": other}
        for act, body in (
            ("transfer", hands_on),
            ("accept", {"agent_id": other}),
            ("return", {"agent_id": other}),
        ):
            answer = await _act(caller, talk, act, body)
            if answer is None or answer[0] != 200:
                return f"hand-off: {act} refused"
        self.told.freed |= set(await self._say(fan, ["打招呼"], OTHER))
        return "hand-offs given back"

    async def _taken(
        self, caller: Caller, talk: str, agents: Sequence[str], fan: str
    ) -> str | None:
        """Both reach for it at once: who has it. Never both."""
        bodies = [{"agent_id": agent} for agent in agents]
        answers = await asyncio.gather(*(_act(caller, talk, "accept", one) for one in bodies))
        if any(answer is None for answer in answers):
            return None
        won = [a for a, answer in zip(agents, answers, strict=True) if answer and answer[0] == 200]
        if len(won) > 1:
            self.told.wrong.append(f"I11 {fan} was given to {len(won)} agents at once")
        return won[0] if won else None

    async def _is_quiet(self, caller: Caller, talk: str, fan: str) -> bool:
        """The fan speaks to the agent: it is decided that the bot is silent."""
        said = (await self._say(fan, ["打招呼"], OTHER))[0]
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            _, found = await caller.ask("GET", f"/v1/conversations/{talk}/timeline?limit=50")
            for moment in found.get("data", ()):
                if moment["platform_message_id"] == said and moment["outcome"]:
                    self.told.hushed.add(said)
                    return True
            await asyncio.sleep(1)
        return False

    async def _hire(self, caller: Caller) -> list[str]:
        """The agents of the other shop, each with room for one fan at a time."""
        agents = []
        for number in range(_AGENTS):
            new: dict[str, Any] = {"name": f"客服{number}", "capacity": 1}
            status, found = await caller.ask("POST", "/v1/agents", new)
            while status != 201:
                status, found = await caller.ask("POST", "/v1/agents", new)
            agents.append(str(found["id"]))
        return agents

    async def _listen(self) -> None:
        """What the platform accepted, as the fans read it."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            with contextlib.suppress(*AWAY):
                await asyncio.to_thread(self.lab.sent)
            for one in self.lab.accepted[self._seen :]:
                self._heard[one["to_user_id"], one["content"]["text"]["text"]] += 1
                self._seen += 1


async def _act(caller: Caller, talk: str, act: str, body: dict[str, Any]) -> Any:
    """One thing that an agent does, under a key of its own."""
    key = f"{talk} {act} {body['agent_id']}"
    return await caller.insist(f"/v1/conversations/{talk}/{act}", key, body)


async def _be_there(caller: Caller, agents: Sequence[str]) -> None:
    """Say it again and again: a presence is believed for ten minutes."""
    while True:
        for agent in agents:
            path = f"/v1/agents/{agent}/presence"
            await caller.ask("PUT", path, {"presence": "online"}, {"If-Match": "*"})
        await asyncio.sleep(_PRESENT_SECONDS)
