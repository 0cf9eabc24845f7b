"""Several APIs on one port: each keeps its own paths, a request goes to the one whose route matches."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI
from starlette.routing import Match
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http.middleware import Doorkeeper
from shared.http.observed import Observed
from shared.runtime.resources import Resources
from shared.runtime.service import Api, Service


class ByRoute:
    """Asks the bare doors first, then hands the request to the API that knows its path."""

    def __init__(self, apis: Sequence[Api]) -> None:
        self._doors = [
            (prefix, _observed(door, api.app, f"{prefix}*"))
            for api in apis
            for prefix, door in api.doors.items()
        ]
        self._apps = [api.app for api in apis]
        self._kept = {id(api.app): kept(api) for api in apis}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        path = scope["path"]
        for prefix, door in self._doors:
            if path.startswith(prefix):
                await door(scope, receive, send)
                return
        await self._kept[id(self._app_of(scope))](scope, receive, send)

    def _app_of(self, scope: Scope) -> FastAPI:
        for wanted in (Match.FULL, Match.PARTIAL):  # PARTIAL: the path is known, the method is not
            for app in self._apps:
                if any(route.matches(scope)[0] is wanted for route in app.router.routes):
                    return app
        return self._apps[0]  # answers 404 like any other


def kept(api: Api) -> ASGIApp:
    """The app behind its doorkeeper, observed."""
    guarded = Doorkeeper(api.app, service_of(api.app), api.larger)
    return _observed(guarded, api.app)


def _observed(served: ASGIApp, app: FastAPI, route: str = "") -> Observed:
    return Observed(served, service_of(app), app.state.authenticator.is_ours, route)


def service_of(app: FastAPI) -> str:
    """The name of the service whose app this is."""
    return str(app.title).removeprefix("Siyu ")


@asynccontextmanager
async def running_apis(apis: Sequence[Api]) -> AsyncIterator[None]:
    """Enter the lifespan of every API: an app that is handed requests gets none of its own."""
    async with AsyncExitStack() as stack:
        for api in apis:
            await stack.enter_async_context(api.app.router.lifespan_context(api.app))
        yield


def build_apis(services: Sequence[Service], resources: Resources) -> list[Api]:
    """Every API, each known to the others as a neighbour in this process."""
    apis = []
    for service in services:
        api = service.build_api(resources)
        resources.local_apis[service.name] = kept(api)
        apis.append(api)
    return apis
