"""Timed work: ticks rung by one arq clock per process, and alarms for precise due times.

A tick carries nothing: it asks PostgreSQL what is due, so a lost tick is only a late one.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any, cast

import orjson
import structlog
from arq import Worker, cron
from arq.connections import RedisSettings
from arq.typing import WorkerCoroutine
from redis.exceptions import RedisError

from shared.errors import NeighbourAway

log = structlog.get_logger()

_LONGEST = 20  # seconds that one tick may take


@dataclass(frozen=True, slots=True)
class Tick:
    """Work that runs every `seconds` (a divisor of 60, or a multiple of 60)."""

    name: str
    seconds: int
    run: Callable[[], Awaitable[object]]


class Alarm:
    """Work that is due at a time that PostgreSQL knows; may be poked to look again at once."""

    def __init__(
        self,
        name: str,
        next_due: Callable[[], Awaitable[float | None]],
        run: Callable[[], Awaitable[object]],
        *,
        longest: float = 30.0,
    ) -> None:
        self.name, self._next_due, self._run, self._longest = name, next_due, run, longest
        self._poked = asyncio.Event()

    def poke(self) -> None:
        """Something may have become due."""
        self._poked.set()

    async def ring(self) -> None:
        """Sleep until due, run, again; until cancelled."""
        while True:
            try:
                self._poked.clear()
                await self._run()
                due = await self._next_due()  # seconds from now
                wait = self._longest if due is None else min(max(due, 0.05), self._longest)
            except NeighbourAway as away:
                log.info("alarm_waits", alarm=self.name, reason=str(away))
                wait = 1.0
            except Exception:
                log.exception("alarm_failed", alarm=self.name)
                wait = self._longest
            try:
                async with asyncio.timeout(wait):
                    await self._poked.wait()
            except TimeoutError:
                continue


class _Ringing(Worker):
    """arq's worker, which says at every look at its queue that it is alive."""

    alive: Callable[[], None]

    async def heart_beat(self) -> None:
        self.alive()
        await super().heart_beat()


class Clock:
    """The one arq clock of a process. `alive_at`: when it last looked for something to ring."""

    def __init__(self, redis_url: str, process: str, ticks: Sequence[Tick]) -> None:
        self._url, self._process, self._ticks = redis_url, process, ticks
        self._worker: Worker | None = None
        self.alive_at = time.monotonic()

    async def run(self) -> None:
        """Ring until cancelled; a Redis that goes away is waited for."""
        logging.getLogger("arq").setLevel(logging.ERROR)
        while self._ticks:
            self._is_alive()
            self._worker = self._build()
            try:
                await self._worker.async_run()
            except (RedisError, OSError, RuntimeError) as error:
                log.info("clock_waits", reason=repr(error))
            finally:
                await self._close()
            await asyncio.sleep(1)

    def _is_alive(self) -> None:
        self.alive_at = time.monotonic()

    async def _close(self) -> None:
        worker, self._worker = self._worker, None
        if worker is None:
            return
        # arq waits for its jobs too, but takes their end for ours: the clock would stop for good
        jobs = list(worker.tasks.values())
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)
        worker.tasks.clear()
        if worker._pool is None:  # noqa: SLF001  the carrier was never reached
            return
        # Not by arq's own `close`: it calls the carrier first, which may be gone, and which redis-py
        # cannot do in a task that was cancelled: before Python 3.11.3 a timeout that passes there
        # ends as one more cancellation (python/cpython#102780), and every connection stays open.
        try:
            await worker.pool.aclose(close_connection_pool=True)
        except (RedisError, OSError) as error:
            log.info("clock_close_failed", reason=repr(error))

    def _build(self) -> Worker:
        settings = RedisSettings.from_dsn(self._url)
        settings.conn_retries = 1
        worker = _Ringing(
            functions=[],
            cron_jobs=[
                cron(
                    _bind(tick),
                    name=f"{self._process}:{tick.name}",
                    second=set(range(0, 60, tick.seconds)) if tick.seconds < 60 else 0,
                    minute=set(range(0, 60, tick.seconds // 60)) if tick.seconds >= 60 else None,
                    max_tries=1000,
                )
                for tick in self._ticks
            ],
            queue_name=f"siyu:clock:{self._process}",
            redis_settings=settings,
            job_serializer=orjson.dumps,
            job_deserializer=orjson.loads,
            keep_result=0,
            job_timeout=_LONGEST,
            job_completion_wait=_LONGEST + 5,
            max_jobs=50,
            poll_delay=1.0,
            health_check_interval=60,
            timezone=UTC,
            handle_signals=False,
            log_results=False,
        )
        worker.alive = self._is_alive
        return worker


def _bind(tick: Tick) -> WorkerCoroutine:
    async def ring(ctx: dict[Any, Any], *_: Any, **__: Any) -> None:  # arq's signature
        del ctx
        try:
            await tick.run()
        except NeighbourAway as away:
            log.info("tick_skipped", tick=tick.name, reason=str(away))
        except Exception:
            log.exception("tick_failed", tick=tick.name)

    ring.__qualname__ = tick.name
    return cast("WorkerCoroutine", ring)
