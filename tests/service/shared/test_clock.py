"""Ticks and alarms ring on, whatever the work does and whether or not Valkey is there."""

import asyncio

import redis

from services.embedded.servers import ValkeyServer
from shared.errors import NeighbourAway
from shared.queue import Alarm, Clock, Tick
from tests.service.shared.conftest import eventually, running


class Work:
    """Counts its runs; fails on demand."""

    def __init__(self, *fails: type[Exception]) -> None:
        self.runs = 0
        self._fails = list(fails)

    async def __call__(self) -> None:
        self.runs += 1
        if self._fails:
            raise self._fails.pop(0)("on purpose")


async def test_the_clock_survives_ticks_that_raise_and_a_carrier_that_dies(
    own_valkey: ValkeyServer,
) -> None:
    fine, broken = Work(), Work(*[ZeroDivisionError] * 100)
    away = Work(*[NeighbourAway] * 100)
    ticks = [Tick("fine", 1, fine), Tick("broken", 1, broken), Tick("away", 1, away)]
    async with running(Clock(own_valkey.url(), "test", ticks).run()):
        await eventually(lambda: min(fine.runs, broken.runs, away.runs) >= 1, "all ring")
        own_valkey.kill()
        await asyncio.sleep(1.2)
        rung = fine.runs
        own_valkey.start()
        await eventually(lambda: fine.runs > rung, "they ring again")


async def test_the_clock_survives_an_error_while_a_tick_tells_the_carrier_that_it_ended(
    redis_url: str,
) -> None:
    """arq cancels its jobs then, and their cancellation must not be taken for the clock's own."""
    queue = "siyu:clock:test"
    rung, broken = 0, asyncio.Event()
    with redis.Redis.from_url(redis_url) as carrier:

        async def breaks_the_queue() -> None:
            nonlocal rung
            rung += 1
            if rung == 1:
                await asyncio.sleep(0.2)  # the clock is done with its own writes
                carrier.set(queue, "of another type: the next look at the queue fails")
                carrier.client_pause(1500, all=False)  # and no write has an answer until then
                broken.set()

        async with running(Clock(redis_url, "test", [Tick("a", 1, breaks_the_queue)]).run()):
            await broken.wait()
            await asyncio.to_thread(carrier.delete, queue)
            await eventually(lambda: rung > 1, "it rings again")


async def test_a_clock_that_is_stopped_leaves_no_connection_open(own_valkey: ValkeyServer) -> None:
    """Also before Python 3.11.3, where a timeout within a cancelled task is one more cancellation."""
    work = Work()
    with redis.Redis.from_url(own_valkey.url()) as carrier:

        def clients() -> int:
            return len(carrier.client_list())

        clock = Clock(own_valkey.url(), "test", [Tick("a", 1, work)])
        async with running(clock.run()):
            await eventually(lambda: work.runs >= 1, "it rings")
            assert clients() > 1
        await eventually(lambda: clients() == 1, "only the one who asks is left", 2)


async def forever() -> float | None:
    return None


async def test_an_alarm_goes_on_after_its_work_raised() -> None:
    work = Work(ZeroDivisionError, ZeroDivisionError)
    async with running(Alarm("a", forever, work, longest=0.01).ring()):
        await eventually(lambda: work.runs >= 4, "it rings after both failures", 1)


async def test_an_alarm_goes_on_after_nobody_could_say_when_it_is_due() -> None:
    due = Work(NeighbourAway)
    work = Work()

    async def next_due() -> float | None:
        await due()
        return 0.05

    async with running(Alarm("a", next_due, work).ring()):
        await eventually(lambda: work.runs >= 3, "it rings again after a second", 3)


async def test_a_poke_wakes_an_alarm_at_once() -> None:
    work = Work()
    alarm = Alarm("a", forever, work)
    async with running(alarm.ring()):
        await eventually(lambda: work.runs == 1, "it looks when it begins", 1)
        await asyncio.sleep(0.1)
        assert work.runs == 1, "it sleeps"
        alarm.poke()
        await eventually(lambda: work.runs == 2, "it looks again", 0.5)


async def test_a_poke_while_the_work_runs_is_not_lost() -> None:
    runs = 0

    async def is_poked_meanwhile() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            alarm.poke()

    alarm = Alarm("a", forever, is_poked_meanwhile)
    async with running(alarm.ring()):
        await eventually(lambda: runs == 2, "it looks again", 0.5)


async def test_an_alarm_rings_when_its_work_is_due() -> None:
    work = Work()

    async def soon() -> float | None:
        return 0.2 if work.runs == 1 else None

    async with running(Alarm("a", soon, work).ring()):
        await asyncio.sleep(0.1)
        assert work.runs == 1
        await eventually(lambda: work.runs == 2, "it rings", 0.5)
