"""One process of ours, from start to end: APIs, workers, or both in one loop."""

import asyncio
import faulthandler
import gc
import signal
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType

import structlog
import uvicorn

from shared.observability import configure_logs, tracing
from shared.runtime.apis import ByRoute, build_apis, running_apis
from shared.runtime.health import Health
from shared.runtime.resources import Resources
from shared.runtime.service import Api, Service
from shared.runtime.worker import running_offers, running_workers

log = structlog.get_logger()

_GRACE = 20  # seconds for requests under way when asked to stop

_ENDS_WITHIN = (
    23.0  # then it is ended: sooner than a supervisor kills it, and it says what stood still
)

Front = Callable[[Resources, Sequence[Service], Sequence[Api]], Api]


@dataclass(frozen=True)
class Process:
    """Which services run here, and which of their sides."""

    services: Sequence[Service]
    api: bool = True
    worker: bool = True
    front: Front | None = None  # what else is shown where all APIs are: pages, the whole contract
    ends_within: float = _ENDS_WITHIN  # seconds after it was asked to stop and has drained


@asynccontextmanager
async def running(process: Process, resources: Resources) -> AsyncIterator[Health]:
    """Everything of `process` but the listening socket. Workers stop first on the way out."""
    apis = build_apis(process.services, resources) if process.api else []
    workers = running_workers if process.worker else running_offers
    if process.front and not process.worker:
        workers = partial(running_offers, is_watching=True)  # it shows how everything stands
    databases = [resources.database(service.name) for service in process.services]
    if apis and process.front:
        apis = [*apis, process.front(resources, process.services, apis)]
    app = ByRoute(apis) if apis else None
    try:
        async with running_apis(apis), workers(process.services, resources) as standing_still:
            health = Health(app, databases, resources.streams, standing_still)
            health.when_draining = resources.draining.set
            yield health
    finally:
        await resources.close()


def serve(process: Process, resources: Resources, host: str, port: int) -> None:
    """Run until SIGTERM or Ctrl-C. A loop of ours that dies takes the process with it, and says why.

    Asked to stop, the process ends within its time whatever hangs; then stderr shows where everything stood.
    """
    settings = resources.settings
    configure_logs(settings.log_level, resources.process)
    if settings.traces_url:
        tracing.export_traces(settings.traces_url, settings.traces_ratio, resources.process)
    try:
        with asyncio.Runner(loop_factory=_loop) as runner:
            runner.run(_serve(process, resources, host, port))
    except Exception:
        log.exception("process_died")
        raise SystemExit(1) from None  # whoever started us would print what the exception says
    finally:
        tracing.end_traces()


def _loop() -> asyncio.AbstractEventLoop:
    import uvloop

    return uvloop.new_event_loop()


def _spare_the_collector() -> None:
    """What was imported and built stays for good: looking through it again costs a tenth of the CPU."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


async def _serve(process: Process, resources: Resources, host: str, port: int) -> None:
    asked = _Asked(process.ends_within + resources.settings.drain_seconds)
    # uvicorn raises the signal again when it is done: our own way out must still be walked
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, asked.to_stop)
    async with running(process, resources) as health:
        _spare_the_collector()
        config = uvicorn.Config(
            health,
            host=host,
            port=port,
            http="httptools",
            lifespan="off",
            access_log=False,
            log_config=None,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_GRACE,
            backlog=4096,
        )
        await _Server(config, health, resources.settings.drain_seconds, asked).serve()


class _Asked:
    """Whether somebody asked the process to stop: it must be heard while everything still starts, too."""

    def __init__(self, ends_within: float) -> None:
        self.at: float | None = None
        self._ends_within = ends_within

    def to_stop(self, _number: int, _frame: FrameType | None) -> None:
        """From now on the process has so long; a thread of C ends it, even if no Python runs any more."""
        if self.at is None:
            self.at = time.monotonic()
            faulthandler.dump_traceback_later(self._ends_within, exit=True)


class _Server(uvicorn.Server):
    """Asked to stop, it says for a while that it is not ready, and still serves: nobody is cut off."""

    def __init__(
        self, config: uvicorn.Config, health: Health, drain_seconds: float, asked: _Asked
    ) -> None:
        super().__init__(config)
        self._health, self._drain_seconds, self._asked = health, drain_seconds, asked

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._asked.to_stop(sig, frame)
        super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        self.should_exit = self.should_exit or self._asked.at is not None
        if not await super().on_tick(counter):
            return False
        self._health.drain()
        self._asked.at = self._asked.at or time.monotonic()
        return self.force_exit or time.monotonic() - self._asked.at >= self._drain_seconds
