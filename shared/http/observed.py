"""Pure ASGI around every API and door: how long each route takes, and a span where traces are wanted."""

import time
from collections.abc import Callable
from typing import Final

from opentelemetry.trace import SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.observability import metrics, semantics, tracing

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER: Final = "other"


class Observed:
    """Names requests by the template of their route, never by their path.

    `trusts`: whether an Authorization header is that of one of our own services, whose trace goes on
    here; anybody else's is linked. `route`: the name where no router gives one.
    """

    def __init__(
        self, app: ASGIApp, service: str, trusts: Callable[[str], bool], route: str = ""
    ) -> None:
        self._app, self._service, self._trusts, self._route = app, service, trusts, route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        serve = self._traced if tracing.is_on() else self._app
        method = scope["method"] if scope["method"] in _METHODS else _OTHER
        began = time.perf_counter()
        try:
            await serve(scope, receive, send)
        finally:
            route = self._route_of(scope)
            timed = metrics.child(metrics.http_seconds, self._service, method, route)
            timed.observe(time.perf_counter() - began)

    async def _traced(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        caller = headers.get(b"traceparent", "")
        is_ours = bool(caller) and self._trusts(headers.get(b"authorization", ""))
        method = scope["method"] if scope["method"] in _METHODS else _OTHER
        with tracing.span(
            method,
            SpanKind.SERVER,
            {semantics.HTTP_METHOD: method},
            continues=caller if is_ours else "",
            links=[] if is_ours else [caller],
        ) as span:

            async def seen(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute(semantics.HTTP_STATUS, message["status"])
                await send(message)

            await self._app(scope, receive, seen)
            span.update_name(f"{method} {self._route_of(scope)}".rstrip())
            span.set_attribute(semantics.HTTP_ROUTE, self._route_of(scope))
            span.set_attribute(semantics.REQUEST_ID, scope.get("siyu.request_id", ""))

    def _route_of(self, scope: Scope) -> str:
        return str(getattr(scope.get("route"), "path", self._route))
