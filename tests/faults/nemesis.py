"""What is done to the house while fans write. Every deed is counted when it was seen to happen."""

import asyncio
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field

import redis.asyncio
from redis.exceptions import RedisError

from services.embedded.data_directory import DataDirectory
from services.embedded.servers.choice import choose_servers
from tests.e2e.house import House, eventually

_FLUSH_SECONDS = 5.0
_KILL_SECONDS = (5.0, 10.0)
_VALKEY_KILLS = (0.35, 0.8)  # as parts of the run
_POSTGRES_FAST, _POSTGRES_IMMEDIATE = 0.25, 0.65


@dataclass(slots=True)
class Deeds:
    """How often each fault happened, and when the last one did."""

    done: Counter[str] = field(default_factory=Counter)
    last: float = 0.0

    def note(self, what: str) -> None:
        """It happened, now."""
        self.done[what] += 1
        self.last = time.monotonic()


async def torment(house: House, seconds: float, dice: random.Random, deeds: Deeds) -> None:
    """Kill, flush and restart for `seconds`; the last blow falls while the last messages come in."""
    async with asyncio.TaskGroup() as group:
        group.create_task(_kill_application(house, seconds, dice, deeds))
        group.create_task(_flush(house, seconds, deeds))
        for part in _VALKEY_KILLS:
            group.create_task(_strike(house, part * seconds, "valkey", signal.SIGKILL, deeds))
        fast, immediate = _POSTGRES_FAST * seconds, _POSTGRES_IMMEDIATE * seconds
        group.create_task(_strike(house, fast, "postgres", signal.SIGINT, deeds))
        group.create_task(_strike(house, immediate, "postgres", signal.SIGQUIT, deeds))
        group.create_task(_strike(house, seconds, "application", signal.SIGKILL, deeds))


async def _kill_application(
    house: House, seconds: float, dice: random.Random, deeds: Deeds
) -> None:
    ends = time.monotonic() + seconds
    while (pause := dice.uniform(*_KILL_SECONDS)) < ends - time.monotonic():
        await asyncio.sleep(pause)
        if await asyncio.to_thread(house.kill, "application"):
            deeds.note("application_killed")


async def _strike(
    house: House, after: float, part: str, number: signal.Signals, deeds: Deeds
) -> None:
    await asyncio.sleep(after)
    before = house.pid(part)
    if house.kill(part, number):
        await asyncio.to_thread(eventually, lambda: house.pid(part) != before)
        deeds.note(f"{part}_{'killed' if number is signal.SIGKILL else 'restarted'}")


async def _flush(house: House, seconds: float, deeds: Deeds) -> None:
    ends = time.monotonic() + seconds
    url = choose_servers(DataDirectory(house.data), None, None).redis_url
    async with redis.asyncio.Redis.from_url(url, socket_timeout=1) as carrier:
        while time.monotonic() + _FLUSH_SECONDS < ends:
            await asyncio.sleep(_FLUSH_SECONDS)
            try:
                await carrier.flushall()
            except (RedisError, OSError):
                continue  # it is being restarted
            deeds.note("flushes")
