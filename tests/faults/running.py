"""One run: fans write and people answer while faults are played, each alone and then all at once."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.embedded.servers import CannotStart
from tests.e2e.wire import DEMO
from tests.faults import logs, tenants
from tests.faults.callers import Written
from tests.faults.fans import Fans
from tests.faults.guests import Guests
from tests.faults.lab import Lab
from tests.faults.members import SIMULATOR
from tests.faults.people import People
from tests.faults.report import Report
from tests.faults.scenarios import SCENARIOS
from tests.faults.shapes import Shape
from tests.faults.stage import Scenario, Stage
from tests.faults.storm import Storm
from tests.faults.tenants import OTHER
from tests.faults.traffic import History, Poster
from tests.faults.verdict import await_holds, await_rest, judge
from tests.faults.waiting import AWAY
from tests.faults.watch import Watch

_WARM_SECONDS = 4.0
_STARTS_WITHIN = 25.0  # seconds, on two cores that nobody else uses
_AMBIGUOUS = ("accepted_then_timeout", "accepted_then_reset")
_NO_CAP = 1_000_000  # the platform counts and does not refuse: so that a mistake of ours is seen
_KEPT_RESIDENT = 1.2  # of what a process took when it was warm
_SPARE = 80 * 2**20  # what caches of a short run may take beyond that


def say(line: str) -> None:
    """Print a line at once."""
    print(line, flush=True)


@dataclass(eq=False)
class Run:
    """A run of one shape from one seed in one folder; `by` is what runs the members."""

    folder: Path
    shape: Shape
    seed: int
    by: Sequence[str] = ("services.embedded",)
    port: int = 0  # of the platform, for somebody who wants to watch it; 0: any
    tell: Callable[[str], None] = say

    async def play(self) -> Report:
        """Everything, from the start to the judgement; nothing is left running. Raises CannotStart."""
        lab = Lab(self.folder, self.seed, self.by, self.port)
        try:
            took = await lab.start()
            await tenants.settle_in(lab)
            lab.control("caps", {"reply_limit": _NO_CAP})
            self.tell(f"ready    after {took:.0f} s: {len(lab.members)} processes of ours")
            return await self._played(lab, max(1.0, took / _STARTS_WITHIN))
        finally:
            lab.stop()

    async def _played(self, lab: Lab, slow: float) -> Report:
        dice, mark = random.Random(self.seed), f"f{self.seed}"
        history, written = History(), Written()
        report = Report(self.shape, self.seed, history, written, slow=slow)
        watch = Watch(lab, history, written, mark)
        began = time.monotonic()
        base = f"http://127.0.0.1:{lab.wires.links['fans→door'].port}"
        async with Poster(base, history) as poster, asyncio.TaskGroup() as group:
            rate = self.shape.rate / slow
            fans = Fans(lab, poster, mark, rate, random.Random(dice.random()))
            people = People(lab, history, random.Random(dice.random()), written)
            guests = Guests(lab, fans, written, random.Random(dice.random()), report.told)
            stage = Stage(lab, fans, people, guests, dice, self.shape.long)
            lab.pace.slow = lab.pace.factor = slow
            always = [group.create_task(w) for w in (lab.tend(), watch.look(), lab.pace.keep())]
            traffic = [
                group.create_task(work) for work in (fans.write(), people.answer(), guests.visit())
            ]
            await self._faults(stage, report)
            fans.is_over = people.is_over = guests.is_over = True
            poster.ends = time.monotonic() + self.shape.patience * lab.pace.factor
            await asyncio.gather(*traffic)
            report.seconds = time.monotonic() - began
            await self._judge(stage, report, mark)
            await watch.once()
            for task in always:
                task.cancel()
        report.verdict.violations = [*watch.violations, *lab.complaints, *report.verdict.violations]
        report.looks, report.missed = watch.looks, watch.missed
        report.worst = lab.pace.worst
        return report

    # -------------------------------------------------------------------------------- faults

    async def _faults(self, stage: Stage, report: Report) -> None:
        await self._hear_of(stage)
        await self._usual(stage)
        await asyncio.sleep(_WARM_SECONDS)
        warm = stage.lab.resident()
        for name in self.shape.scenarios:
            await self._scenario(SCENARIOS[name], stage, report)
        if self.shape.least:
            await self._storm(stage, report)
            report.unseen += _idle(report)
        for check in stage.at_the_end:
            await check(stage)
        self._resident(stage, warm)
        stage.lab.end_failures()
        report.recoveries = stage.recoveries
        report.seen = await stage.evidence()
        report.verdict.violations += stage.complaints

    async def _hear_of(self, stage: Stage) -> None:
        """Until the first message at each tenant is answered."""
        for shop in (DEMO, OTHER):
            await stage.recovered("the start", 60, shop)
        firsts = stage.recoveries["the start"]
        self.tell(f"ready    both shops answer, after {firsts[0]:.1f} and {firsts[1]:.1f} s")

    async def _usual(self, stage: Stage) -> None:
        """What goes wrong at the platform all the time."""
        for kind in _AMBIGUOUS:
            await stage.order(kind, self.shape.ambiguous / len(_AMBIGUOUS))

    async def _scenario(self, scenario: Scenario, stage: Stage, report: Report) -> None:
        before, began = await stage.evidence(), time.monotonic()
        known = len(stage.complaints)
        try:
            async with asyncio.timeout(scenario.seconds * max(1.0, stage.long)):
                await scenario.play(stage)
        except CannotStart as problem:
            stage.complain(f"I12 {scenario.name}: {problem}")
        except Exception as error:  # noqa: BLE001  the others are still to be played
            report.unseen.append(f"{scenario.name} could not be played: {error!r}")
        stage.lab.wires.heal()
        stage.lab.expects_deaths = False
        stage.lab.end_failures()
        await self._usual(stage)
        after = await stage.evidence()
        unseen = scenario.unseen(before, after)
        report.unseen += unseen
        seen = ", ".join(f"{after[n] - before[n]} {n}" for n in scenario.needs)
        took = time.monotonic() - began
        self.tell(f"{scenario.name:<8} {scenario.title}: {seen} ({took:.0f} s)")
        for complaint in stage.complaints[known:]:
            self.tell(f"{'':<8} {complaint}")

    async def _storm(self, stage: Stage, report: Report) -> None:
        began, history = time.monotonic(), stage.fans.poster.history
        least, told = self.shape.least, [time.monotonic()]

        def enough(done: Mapping[str, int]) -> bool:
            now = time.monotonic()
            have = {**done, "events": len(history.acknowledged)}
            if now - told[0] > 60:
                told[0] = now
                figures = ", ".join(f"{have.get(k, 0)} of {n} {k}" for k, n in least.items())
                self.tell(f"storm    {now - began:.0f} s: {figures}")
            saw_all = all(have.get(name, 0) >= count for name, count in least.items())
            is_late = now - began >= self.shape.storm_ends
            return is_late or (now - began >= self.shape.storm_seconds and saw_all)

        try:
            await Storm(stage, self.shape.weather, enough).rage()
        except CannotStart as problem:
            stage.complain(f"I12 after the storm: {problem}")
        self.tell(f"storm    {time.monotonic() - began:.0f} s")
        have = {**stage.lab.deeds.done, "events": len(history.acknowledged)}
        report.unseen += [
            f"storm: {have.get(name, 0)} of {count} {name}"
            for name, count in least.items()
            if have.get(name, 0) < count
        ]

    def _resident(self, stage: Stage, warm: Mapping[str, int]) -> None:
        for name, size in stage.lab.resident().items():
            if name == SIMULATOR:
                continue  # it keeps everything that was ever sent
            if name in warm and size > warm[name] * _KEPT_RESIDENT + _SPARE:
                stage.complain(f"I12 {name} grew from {warm[name] >> 20} to {size >> 20} MB")

    # ------------------------------------------------------------------------------ judgement

    async def _judge(self, stage: Stage, report: Report, mark: str) -> None:
        lab, verdict = stage.lab, report.verdict
        since = max(lab.deeds.last, time.monotonic() - 1)

        def at_rest() -> None:
            await_rest(lab, since, self.shape.patience, verdict, lab.pace.now)
            await_holds(lab, self.shape.hold_patience, verdict)
            verdict.lost_echoes = lost(lab.stats())
            judge(lab, report.history, mark, verdict, report.written, report.told)
            verdict.violations += logs.nothing_told(
                logs.logs_of(lab), logs.words_of(lab), logs.numbers_of(report.history)
            )

        try:
            await asyncio.to_thread(at_rest)
        except AWAY as error:
            verdict.violations.append(f"I12 the house could not be judged: {error!r}")


def _idle(report: Report) -> list[str]:
    """What people and guests should have come to do, and did not: nothing of it was judged."""
    finals = {status for answers in report.written.answers.values() for status, _ in answers}
    of_people = {"reply taken": 202 in finals, "reply refused for its quota": 429 in finals}
    of_guests = {
        what: report.told.done[what] for what in ("flows finished", "hand-offs given back")
    }
    return [
        *(f"people: no {what}" for what, is_seen in of_people.items() if not is_seen),
        *(f"guests: no {what}" for what, count in of_guests.items() if not count),
    ]


def lost(stats: Mapping[str, Any]) -> int:
    """Events that will never come: given up by the platform, or lost on our order."""
    given_up: int = stats["webhooks"]["failed"]
    return given_up + int(stats["injected_by_kind"].get("webhook_lost_echo", 0))
