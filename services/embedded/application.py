"""The one application process of embedded mode: every API on one port, every worker in one loop."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.middleware import Doorkeeper
from shared.runtime import Api, Resources, Service
from shared.runtime.health import Health
from shared.runtime.worker import Running, running_workers


class ByRoute:
    """Hands a request to the API whose route matches its path; bare doors are asked first."""

    def __init__(self, apis: Sequence[Api]) -> None:
        self._doors = [(prefix, door) for api in apis for prefix, door in api.doors.items()]
        self._apps = [api.app for api in apis]
        self._kept = {id(app): Doorkeeper(app, app.title) for app in self._apps}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        for prefix, door in self._doors:
            if scope["path"].startswith(prefix):
                await door(scope, receive, send)
                return
        await self._kept[id(self._app_of(scope))](scope, receive, send)

    def _app_of(self, scope: Scope) -> FastAPI:
        for wanted in (Match.FULL, Match.PARTIAL):  # PARTIAL: the path is known, the method is not
            for app in self._apps:
                if any(route.matches(scope)[0] is wanted for route in app.router.routes):
                    return app
        return self._apps[0]  # answers 404 like any other


@asynccontextmanager
async def running_apis(apis: Sequence[Api]) -> AsyncIterator[None]:
    """Enter the lifespan of every API: a mounted app never gets one of its own."""
    async with AsyncExitStack() as stack:
        for api in apis:
            await stack.enter_async_context(api.app.router.lifespan_context(api.app))
        yield


def build_apis(services: Sequence[Service], resources: Resources) -> list[Api]:
    """Every API, each known to the others as a neighbour in this process."""
    apis = []
    for service in services:
        api = service.build_api(resources)
        resources.local_apis[service.name] = Doorkeeper(api.app, api.app.title)
        apis.append(api)
    return apis


@asynccontextmanager
async def running(
    services: Sequence[Service], resources: Resources
) -> AsyncIterator[tuple[list[Api], list[Running]]]:
    """APIs first, workers after them: on the way out workers stop first."""
    apis = build_apis(services, resources)
    try:
        async with running_apis(apis), running_workers(services, resources) as workers:
            yield apis, workers
    finally:
        await resources.close()


def create_app(services: Sequence[Service], resources: Resources) -> ASGIApp:
    """The application: health, doors, APIs."""
    mounted: list[ASGIApp] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with running(services, resources) as (apis, _workers):
            databases = [resources.database(service.name) for service in services[:1]]
            mounted[:] = [Health(ByRoute(apis), databases, resources.streams)]
            yield

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await mounted[0](scope, receive, send)

    root = Starlette(routes=[Mount("/", serve)], lifespan=lifespan)

    async def entry(scope: Scope, receive: Receive, send: Send) -> None:
        # the root only runs the lifespan: its router would cost every request
        target = serve if scope["type"] == "http" and mounted else root
        await target(scope, receive, send)

    return entry
