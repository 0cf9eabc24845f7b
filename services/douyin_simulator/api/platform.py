"""Douyin's own paths. Business errors are HTTP 200, as on the platform."""

from typing import Any, Final

from services.douyin_simulator.actions.calling import Answer, Call, admit
from services.douyin_simulator.actions.world import Manners, World
from services.douyin_simulator.api.consent import CONSENT_PATHS, consent_page
from services.douyin_simulator.api.endpoints import ENDPOINTS, Endpoint
from services.douyin_simulator.api.envelopes import PLAIN, Oddities, Reply, Shape, wrap
from services.douyin_simulator.api.failing import fail
from services.douyin_simulator.api.http import (
    HTML,
    BodyTooLargeError,
    ClientLeftError,
    Receive,
    Scope,
    Send,
    answer,
    read_body,
)
from services.douyin_simulator.api.reading import read_call
from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.failures import Match

_BODY_LIMIT: Final = 1024 * 1024


class PlatformApi:
    """The platform as an ASGI app."""

    def __init__(self, world: World) -> None:
        """Serve this world."""
        self._world = world
        self._number = 0
        self._shown: tuple[Manners | None, Oddities] = (None, PLAIN)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        self._number += 1
        endpoint = ENDPOINTS.get((scope["method"], scope["path"]))
        try:
            body = await read_body(receive, endpoint.body_limit if endpoint else _BODY_LIMIT)
        except ClientLeftError:
            return
        except BodyTooLargeError:
            await self._refuse(send, codes.ILLEGAL_PARAMETER, status=413)
            return
        call = read_call(scope, body)
        if endpoint is not None:
            await self._answer(endpoint, call, receive, send)
        elif (scope["method"], scope["path"]) in CONSENT_PATHS:
            status, page = consent_page(self._world, call)
            await answer(send, page.encode(), status=status, kind=HTML)
        else:
            await self._refuse(send, codes.UNKNOWN_PATH, status=404)

    async def _answer(self, endpoint: Endpoint, call: Call, receive: Receive, send: Send) -> None:
        world = self._world
        failure = world.failure_for(_subject(call)) if world.store.state.failures else None
        if failure is not None and not failure.accepted:
            world.count_failure(failure)
            reply = self._reply(endpoint.shape, 0, None)
            await fail(reply, failure, self._oddities(), receive, send)
            return
        said = _act(world, endpoint, call)
        if isinstance(said, int):
            await self._refuse(send, said, shape=endpoint.shape)
            return
        reply = self._reply(endpoint.shape, 0, said)
        if failure is None:
            await answer(send, wrap(reply, self._oddities()))
            return
        world.count_failure(failure)
        await fail(reply, failure, self._oddities(), receive, send)

    async def _refuse(
        self, send: Send, code: int, *, shape: Shape = Shape.E1, status: int = 200
    ) -> None:
        if self._world.manners.error_family == "2190":
            code = codes.old_family(code)
        self._world.tally.refused[code] += 1
        await answer(send, wrap(self._reply(shape, code, None), self._oddities()), status=status)

    def _reply(self, shape: Shape, code: int, payload: Any) -> Reply:  # Any: see Reply
        return Reply(shape, code, self._world.now_ms(), self._number, payload)

    def _oddities(self) -> Oddities:
        manners = self._world.manners
        if self._shown[0] is not manners:
            odd = Oddities(manners.error_envelope, manners.now_unit, manners.sparse_extra)
            self._shown = (manners, odd)
        return self._shown[1]


def _act(world: World, endpoint: Endpoint, call: Call) -> Answer:
    if endpoint.needs is not None:
        refused = admit(world, call, endpoint.needs, endpoint.scope)
        if refused:
            return refused
    return endpoint.act(world, call)


def _subject(call: Call) -> Match:
    return Match(
        call.open_id,
        call.text("to_user_id") or None,
        call.text("conversation_id") or None,
        path=call.path,
    )
