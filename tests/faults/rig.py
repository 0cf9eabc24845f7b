"""One fault run: fans write at a steady rate while everything is killed, flushed and restarted."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from typing import Any

from tests.e2e.house import House
from tests.faults.nemesis import Deeds, torment
from tests.faults.traffic import History, Said, deliveries, invent, post_all
from tests.faults.verdict import Verdict, await_holds, await_rest, judge

_REGISTERED_AT_ONCE = 5_000
_ECHOES = ("webhook_lost_echo", "webhook_duplicate", "webhook_delay")
_LATE_MS = 4_000
_AMBIGUOUS = ("accepted_then_timeout", "accepted_then_reset")


@dataclass(frozen=True, slots=True)
class Shape:
    """How a run looks. The same seed makes the same traffic and the same plan of faults."""

    seed: int
    events: int = 5_000
    rate: float = 120.0  # deliveries a second
    ambiguous: float = 0.02  # of the sends
    echoes: float = 0.0  # of the echoes lost, as many doubled, as many late
    patience: float = 30.0  # seconds after the last fault until everything is at rest
    failpoints: bool = False  # the house was started with some: they end with the traffic
    hold_patience: float = 0.0  # and then until no hold is left without a send; 0: only counted


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
            f" {verdict.lost_echoes} webhooks lost), {verdict.orphans} unused holds;"
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
    _order_failures(house, shape)
    began = time.monotonic()

    async def live() -> None:
        seconds = len(planned) / shape.rate
        async with asyncio.TaskGroup() as group:
            group.create_task(
                post_all(house.hook, planned, report.history, shape.rate, shape.patience)
            )
            group.create_task(torment(house, seconds, dice, report.deeds))

    asyncio.run(live())
    report.seconds = time.monotonic() - began
    report.injected = _stats(house)["injected"]
    if shape.failpoints:
        report.verdict.echoes_counted = False  # the simulator counts anew from here
        report.deeds.done["application_killed"] = house.said().count(
            "application ended with code -9"
        )
        house.restart()
        report.deeds.last = time.monotonic()
    await_rest(house, report.deeds.last, shape.patience, report.verdict)
    await_holds(house, shape.hold_patience, report.verdict)
    report.verdict.lost_echoes = _lost(house)
    judge(house, report.history, mark, report.verdict)
    return report


def _order_failures(house: House, shape: Shape) -> None:
    orders = dict.fromkeys(_AMBIGUOUS, shape.ambiguous / len(_AMBIGUOUS))
    orders |= dict.fromkeys(_ECHOES, shape.echoes)
    for kind, probability in orders.items():
        if probability:
            order = {"kind": kind, "probability": probability, "seed": shape.seed}
            house.control("failures", {**order, "delay_ms": _LATE_MS})


def _lost(house: House) -> int:
    """Events that will never come: given up by the platform, or lost on our order."""
    stats = _stats(house)
    lost: int = stats["webhooks"]["failed"]
    return lost + int(stats["injected_by_kind"].get("webhook_lost_echo", 0))


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
