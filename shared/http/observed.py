"""Pure ASGI around every API and door: how long each route takes."""

import time
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from shared.observability import metrics

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Observed:
    """Times requests by the template of their route, never by their path. `route`: where no router names one."""

    def __init__(self, app: ASGIApp, service: str, route: str = "") -> None:
        self._app, self._service, self._route = app, service, route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        try:
            await self._app(scope, receive, send)
        finally:
            method = scope["method"] if scope["method"] in _METHODS else "other"
            timed = metrics.child(
                metrics.http_seconds, self._service, method, self._route_of(scope)
            )
            timed.observe(time.perf_counter() - began)

    def _route_of(self, scope: Scope) -> str:
        return str(getattr(scope.get("route"), "path", self._route))
