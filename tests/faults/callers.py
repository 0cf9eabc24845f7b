"""Asks the API as the holder of a key does: again and again, under one idempotency key, until the answer is final."""

import asyncio
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

_FINAL = frozenset({200, 202, 429})
_OTHERS = frozenset({"taken", "not_with_people", "no_reply_context"})  # a 409 that stays one
_TIMEOUT = aiohttp.ClientTimeout(total=6)
_PAUSE = 0.7
_AFTER_THE_END = 60  # tries, for what was begun before it
Answer = tuple[int, dict[str, Any]]


@dataclass(slots=True)
class Written:
    """What people did and saw: what they wrote, and text (its key too) → each final answer.

    An answer is its status and the operation id.
    """

    texts: set[str] = field(default_factory=set)
    answers: dict[str, list[tuple[int, str]]] = field(default_factory=lambda: defaultdict(list))
    tries: int = 0
    wrong: list[str] = field(default_factory=list)  # answers that nobody may get


@dataclass(slots=True)
class Told:
    """What guests saw."""

    done: Counter[str] = field(default_factory=Counter)  # conversations, by how they ended
    phones: dict[str, str] = field(default_factory=dict)  # message → fan who left a number in it
    hushed: set[str] = field(default_factory=set)  # said and decided while an agent had the fan
    freed: set[str] = field(default_factory=set)  # said after the fan was given back to the bot
    wrong: list[str] = field(default_factory=list)


@dataclass(eq=False)
class Caller:
    """One key at one account. `is_over` says that the run is."""

    base: str
    account: str
    session: aiohttp.ClientSession
    dice: random.Random
    written: Written
    is_over: Callable[[], bool]

    async def conversation(self, fan: str) -> str | None:
        """The id of the conversation with a fan; None if it cannot be had in time."""
        path = f"/v1/accounts/{self.account}/conversations?fan={fan}"
        for _ in range(60):
            status, body = await self.ask("GET", path)
            if status == 200 and body["data"]:
                return str(body["data"][0]["id"])
            await asyncio.sleep(_PAUSE)
        return None

    async def write(self, conversation: str, text: str) -> None:
        """One reply under one key, until there is a final answer."""
        self.written.texts.add(text)
        path = f"/v1/conversations/{conversation}/messages"
        answer = await self.insist(path, text, {"text": text})
        if answer is not None:
            status, body = answer
            self.written.answers[text].append((status, str(body.get("operation_id", ""))))

    async def insist(self, path: str, key: str, body: dict[str, Any]) -> Answer | None:
        """POST under `key` until the answer is final; None when the run ended before."""
        heading = {"Idempotency-Key": f'"{key.encode().hex()}"'}
        for number in itertools.count():
            status, found = await self.ask("POST", path, body, heading)
            code = str(found.get("code", "")).rpartition(".")[2]
            if status in _FINAL or (status == 409 and code in _OTHERS):
                return status, found
            if 400 <= status < 500 and status not in {408, 409}:
                self.written.wrong.append(f"{path} for {key} was answered {status}: {found}")
                return None
            if self.is_over() and number > _AFTER_THE_END:
                return None
            await asyncio.sleep(_PAUSE * self.dice.uniform(0.7, 1.3))
        return None

    async def ask(
        self, method: str, path: str, body: Any = None, heading: dict[str, str] | None = None
    ) -> Answer:
        """Status and body; 0 and {} without an answer."""
        self.written.tries += 1
        try:
            async with self.session.request(
                method, self.base + path, json=body, headers=heading or {}
            ) as answer:
                return answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return 0, {}


def session_of(key: str) -> aiohttp.ClientSession:
    """Connections on which an API key speaks."""
    return aiohttp.ClientSession(timeout=_TIMEOUT, headers={"Authorization": f"Bearer {key}"})
