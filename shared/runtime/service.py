"""The whole agreement between a service and whoever runs it: the command line, embedded mode, a test."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa
from fastapi import FastAPI
from starlette.types import ASGIApp

from shared.http.described import DescribedApp
from shared.http.errors import answer_problems
from shared.queue import Alarm, Handler, Tick
from shared.runtime.resources import Resources


@dataclass(frozen=True)
class Api:
    """A service's HTTP side.

    `doors`: path prefix → bare ASGI route, asked before the app. `larger`: how a path ends → how
    many bytes it takes, where that is more than elsewhere.
    """

    app: FastAPI
    doors: Mapping[str, ASGIApp] = field(default_factory=dict)
    larger: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Worker:
    """A service's event and time side. `running` is entered around it (clients with connections).

    `has_room`: lane → whether it may take what is late now; what is new is always taken.
    """

    handlers: Mapping[str, Handler] = field(default_factory=dict)
    has_room: Mapping[str, Callable[[], bool]] = field(default_factory=dict)
    ticks: Sequence[Tick] = ()
    alarms: Sequence[Alarm] = ()
    running: Callable[[], AbstractAsyncContextManager[object]] | None = None
    background: Sequence[Callable[[], Awaitable[None]]] = ()  # loops that run until cancelled
    measures: Sequence[Callable[[], Awaitable[None]]] = ()  # set gauges, every ten seconds


@dataclass(frozen=True)
class Service:
    """What a service hands to its runner."""

    name: str
    metadata: sa.MetaData
    build_api: Callable[[Resources], Api]
    build_worker: Callable[[Resources], Worker]


def new_api(
    resources: Resources,
    service: str,
    summary: str,
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """A FastAPI app as every service has it: problems, principal, no docs pages of its own."""

    @asynccontextmanager
    async def nothing(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = DescribedApp(
        title=f"Siyu {service}",
        summary=summary,
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lifespan or nothing,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.authenticator = resources.authenticator
    app.state.limits = resources.limits
    answer_problems(app)
    return app
