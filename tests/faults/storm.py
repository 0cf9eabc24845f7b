"""Everything at random and at once: what the full run and the soak are made of, and the end of the short one."""

import asyncio
import random
import shutil
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from services.embedded.servers import CannotStart
from tests.faults.members import SIMULATOR, Member
from tests.faults.scenarios import carrier
from tests.faults.stage import Stage
from tests.faults.waiting import until

_SIGNALS = (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL)
_MOST_SECONDS_LATE = 4.0
_LINK_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Weather:
    """How often what happens: seconds between two deeds, a mean; 0: never."""

    kill: float
    valkey: float
    postgres: float
    link: float


@dataclass(eq=False)
class Storm:
    """Goes on until `enough` says so. Deeds of one kind follow each other, kinds do not wait."""

    stage: Stage
    weather: Weather
    enough: Callable[[Mapping[str, int]], bool]
    _old: Path | None = None

    async def rage(self) -> None:
        """All kinds together; everything is healed at the end."""
        self._old = carrier.remember(self.stage)
        self.stage.lab.expects_deaths = True
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._every(self.weather.kill, self._kill))
                group.create_task(self._every(self.weather.valkey, self._valkey))
                group.create_task(self._every(self.weather.postgres, self._postgres))
                group.create_task(self._every(self.weather.link, self._link))
                group.create_task(until(self._is_over))  # in fair weather, too
        finally:
            self.stage.lab.wires.heal()
            self.stage.lab.expects_deaths = False
            shutil.rmtree(self._old, ignore_errors=True)
        await self.stage.lab.until_ready(120)

    def _is_over(self) -> bool:
        return self.enough(self.stage.lab.deeds.done)

    async def _every(self, seconds: float, deed: Callable[[], Awaitable[None]]) -> None:
        dice = random.Random(self.stage.dice.random())
        while seconds and not self._is_over():
            ends = time.monotonic() + dice.uniform(0.5, 1.5) * seconds
            await until(lambda: time.monotonic() > ends or self._is_over())  # noqa: B023
            if not self._is_over():
                await deed()

    async def _kill(self) -> None:
        members = [m for m in self.stage.lab.members.values() if m.name != SIMULATOR and m.pid]
        if members:
            member: Member = self.stage.dice.choice(members)
            self.stage.lab.kill(member)

    async def _valkey(self) -> None:
        """Killed, flushed, empty, an hour old, or without its last second: in turn, by chance."""
        stage = self.stage
        how = stage.dice.choice(("flush", "kill", "empty", "old", "truncated"))
        if how == "flush":
            with stage.lab.carrier() as client:
                await asyncio.to_thread(client.flushall)
            stage.note("valkey_losses")
        else:
            async with stage.lab.valkey_down() as data:
                self._change(how, data)
        stage.note(f"valkey {how}")

    def _change(self, how: str, data: Path) -> None:
        folder = data / "appendonlydir"
        if how == "truncated":
            for log in folder.glob("*.incr.aof"):
                with log.open("r+b") as file:
                    file.truncate(max(log.stat().st_size * 9 // 10 - 7, 0))
        elif how in {"empty", "old"}:
            shutil.rmtree(folder, ignore_errors=True)
            if how == "old" and self._old is not None:
                shutil.copytree(self._old, folder)

    async def _postgres(self) -> None:
        try:
            async with asyncio.timeout(60):
                await self.stage.lab.wound_postgres(self.stage.dice.choice(_SIGNALS))
        except TimeoutError:
            raise CannotStart("PostgreSQL did not come back within a minute.") from None

    async def _link(self) -> None:
        stage = self.stage
        link = stage.dice.choice(list(stage.lab.wires.links.values()))
        match stage.dice.randrange(4):
            case 0:
                link.delay, link.jitter = stage.dice.uniform(0.05, 0.3), 0.2
            case 1:
                link.silent = frozenset({"back"} if stage.dice.random() < 0.5 else {"there"})
            case 2:
                link.is_down = True
            case _:
                link.cuts_after, link.cut_probability = b"COMMIT\0", 0.2
        stage.lab.wires.sever(link)
        await asyncio.sleep(stage.dice.uniform(0.5, _LINK_SECONDS))
        link.heal()
        stage.note("link faults")
