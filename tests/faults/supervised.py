"""The fault run of one machine: `siyu up`, its own supervisor, everything killed in turn while fans write.

What the lab does to single processes is done here to the whole house, as a user starts it.
"""

import asyncio
import random
import signal
import time
from dataclasses import dataclass, field
from typing import Any

import redis.asyncio
from redis.exceptions import RedisError

from services.embedded.data_directory import DataDirectory
from services.embedded.servers.choice import choose_servers
from tests.e2e.house import House, eventually
from tests.faults.deeds import Deeds
from tests.faults.running import lost
from tests.faults.traffic import Delivery, History, Poster, Said, deliveries, invent
from tests.faults.verdict import Verdict, await_rest, judge

_REGISTERED_AT_ONCE = 5_000
_AMBIGUOUS = ("accepted_then_timeout", "accepted_then_reset")
_FLUSH_SECONDS = 5.0
_KILL_SECONDS = (5.0, 10.0)
_VALKEY_KILLS = (0.35, 0.8)  # as parts of the run
_POSTGRES_FAST, _POSTGRES_IMMEDIATE = 0.25, 0.65


@dataclass(frozen=True, slots=True)
class Shape:
    """How a run looks. The same seed makes the same traffic and the same plan of faults."""

    seed: int
    events: int = 5_000
    rate: float = 120.0  # deliveries a second
    ambiguous: float = 0.02  # of the sends
    patience: float = 30.0  # seconds after the last fault until everything is at rest


@dataclass(slots=True)
class Report:
    """What happened, and the judgement."""

    shape: Shape
    history: History
    deeds: Deeds = field(default_factory=Deeds)
    verdict: Verdict = field(default_factory=Verdict)
    seconds: float = 0.0
    injected: int = 0

    def vacuous(self) -> list[str]:
        """Faults that the run was to see and has not."""
        least = {"application_killed": int(self.seconds // 12), "flushes": int(self.seconds // 10)}
        least |= {"valkey_killed": 2, "postgres_restarted": 2}
        seen = {**self.deeds.done, "ambiguous": self.injected, "doubted": self.verdict.doubted}
        least |= {"ambiguous": 1, "doubted": 1}
        missing = [f"{k}: {seen.get(k, 0)} of {n}" for k, n in least.items() if seen.get(k, 0) < n]
        if self.history.answers.total() == self.history.answers["200"]:
            missing.append("the poster noticed nothing")
        return missing

    def line(self) -> str:
        """The run in one line."""
        done, verdict, history = self.deeds.done, self.verdict, self.history
        return (
            f"seed {self.shape.seed}: {len(history.said)} events in {history.tries} tries over"
            f" {self.seconds:.0f} s, {done['application_killed']} kills, {done['flushes']} flushes,"
            f" {done['valkey_killed']} Valkey kills, {done['postgres_restarted']} PostgreSQL"
            f" restarts; {verdict.accepted} accepted, {verdict.doubted} unknown"
            f" ({verdict.resolved} resolved, {verdict.unknown} left, {verdict.unconfirmed} of them accepted;"
            f" {verdict.lost_echoes} webhooks lost);"
            f" at rest {verdict.recovered:.1f} s after the last fault;"
            f" {len(verdict.violations)} violations"
        )


def run(house: House, shape: Shape) -> Report:
    """Torment the house and judge what came of it."""
    dice = random.Random(shape.seed)
    mark = f"f{shape.seed}"
    said = invent(shape.events, dice, mark)
    planned = deliveries(said, dice)
    report = Report(shape, History({one.inbound.message_id: one for one in said}))
    _register(house, said)
    for kind in _AMBIGUOUS:
        probability = shape.ambiguous / len(_AMBIGUOUS)
        house.control("failures", {"kind": kind, "probability": probability, "seed": shape.seed})
    began = time.monotonic()
    asyncio.run(_live(house, report, planned, dice))
    report.seconds = time.monotonic() - began
    report.injected = _stats(house)["injected"]
    await_rest(house, report.deeds.last, shape.patience, report.verdict)
    report.verdict.lost_echoes = lost(_stats(house))
    judge(house, report.history, mark, report.verdict)
    return report


async def _live(house: House, report: Report, planned: list[Delivery], dice: random.Random) -> None:
    rate = report.shape.rate
    seconds = len(planned) / rate
    async with Poster(house.base, report.history) as poster, asyncio.TaskGroup() as group:
        poster.ends = time.monotonic() + seconds + report.shape.patience
        group.create_task(_torment(house, seconds, dice, report.deeds))
        await poster.post(group, planned, rate)


def _stats(house: House) -> dict[str, Any]:
    found: dict[str, Any] = house.http.get(f"{house.simulator}/_simulator/stats").json()
    return found


def _register(house: House, said: list[Said]) -> None:
    """The platform knows what it is said to have delivered."""
    for start in range(0, len(said), _REGISTERED_AT_ONCE):
        some = [
            {
                "msg_id": one.inbound.message_id,
                "conversation_id": one.inbound.conversation,
                "from": one.inbound.fan,
            }
            for one in said[start : start + _REGISTERED_AT_ONCE]
        ]
        house.control("messages/register", {"messages": some})


async def _torment(house: House, seconds: float, dice: random.Random, deeds: Deeds) -> None:
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
