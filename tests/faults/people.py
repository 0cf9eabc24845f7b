"""People who answer fans by the API while everything breaks: more than the quota allows, each key again and again."""

import asyncio
import itertools
import json
import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from tests.faults.lab import Lab
from tests.faults.traffic import HANDS_OVER, History

ACCOUNT = "acc_demo"
_WROTE = 8  # replies to a fan: two more than the window holds
_REPEATED = 2  # answers that are fetched for each key
_TIMEOUT = aiohttp.ClientTimeout(total=6)
_FINAL = frozenset({202, 429})
_PAUSE = 0.7
_LOOK_SECONDS = 1.0
_SETTLED_SECONDS = 4.0  # after the fan's last words, so that all replies fall into one window


@dataclass(slots=True)
class Written:
    """What people did and saw: what they wrote, and text (its key too) → each final answer.

    An answer is its status and the operation id.
    """

    texts: set[str] = field(default_factory=set)
    answers: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    tries: int = 0
    wrong: list[str] = field(default_factory=list)  # answers that nobody may get


@dataclass(eq=False)
class People:
    """They answer every fan of the demo shop who asked for a person."""

    lab: Lab
    history: History
    dice: random.Random
    written: Written = field(default_factory=Written)
    is_over: bool = False
    _served: set[str] = field(default_factory=set)
    _ends: float = float("inf")

    async def answer(self) -> None:
        """Until the run is over; what was begun is finished."""
        key = json.loads((self.lab.folder / "demo.json").read_text("utf-8"))["api_key"]
        heading = {"Authorization": f"Bearer {key}"}
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, headers=heading) as session,
            asyncio.TaskGroup() as group,
        ):
            while not self.is_over:
                for fan in self._waiting():
                    self._served.add(fan)
                    group.create_task(self._serve(session, fan))
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

    async def _serve(self, session: aiohttp.ClientSession, fan: str) -> None:
        await asyncio.sleep(_SETTLED_SECONDS)
        conversation = await self._conversation(session, fan)
        if conversation is None:
            return
        texts = [f"客服{number} 答 {fan}" for number in range(_WROTE)]
        self.written.texts |= set(texts)
        async with asyncio.TaskGroup() as group:
            for text in texts:
                for _ in range(_REPEATED):
                    group.create_task(self._write(session, conversation, text))

    async def _conversation(self, session: aiohttp.ClientSession, fan: str) -> str | None:
        path = f"/v1/accounts/{ACCOUNT}/conversations?fan={fan}"
        for _ in range(60):
            status, body = await self._ask(session, "GET", path, {}, None)
            if status == 200 and body["data"]:
                return str(body["data"][0]["id"])
            await asyncio.sleep(_PAUSE)
        return None

    async def _write(self, session: aiohttp.ClientSession, conversation: str, text: str) -> None:
        """One reply under one key, until there is a final answer."""
        path = f"/v1/conversations/{conversation}/messages"
        for number in itertools.count():
            status, body = await self._ask(
                session,
                "POST",
                path,
                {"Idempotency-Key": f'"{text.encode().hex()}"'},
                {"text": text},
            )
            is_too_late = status == 409 and body.get("code") == "no_reply_context"
            if status in _FINAL or is_too_late:
                self.written.answers[text].append((status, str(body.get("operation_id", ""))))
                return
            if 400 <= status < 500 and status not in {408, 409}:
                self.written.wrong.append(f"{text} was answered {status}: {body}")
                return
            if self.is_over and number > 60:
                return
            await asyncio.sleep(_PAUSE * self.dice.uniform(0.7, 1.3))

    async def _ask(
        self,
        session: aiohttp.ClientSession,
        method: str,
        path: str,
        heading: dict[str, str],
        body: Any,
    ) -> tuple[int, Any]:
        """Status and body; 0 without an answer."""
        self.written.tries += 1
        try:
            url = f"{self.lab.api}{path}"
            async with session.request(method, url, json=body, headers=heading) as answer:
                return answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return 0, None
