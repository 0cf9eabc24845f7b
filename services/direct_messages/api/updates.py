"""Live updates for agents, as server-sent events."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

import orjson
from fastapi import Header, Query, Request
from fastapi.responses import StreamingResponse

from services.direct_messages import actions
from services.direct_messages.actions import Listener, LogPlace, Update
from services.direct_messages.api.callers import MessageDeps, Reader, caller_of
from shared.errors import BadRequest, Forbidden, NotFound
from shared.http.errors import errors
from shared.http.models import ShortText
from shared.http.routing import Router
from shared.times import written

router = Router(tags=["agents"])
_PLACE = re.compile(r"(\d{1,18})-(\d{1,18})-(\d{1,12})", re.ASCII)
_BEGIN = b"retry: 2000\n\n"
_ALIVE = b": alive\n\n"
_RESET = b'event: reset\ndata: {"reason":"older than a day: look at /v1/hand-offs"}\n\n'
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


@router.get(
    "/v1/agent-updates",
    operation_id="watch_agent_updates",
    response_class=StreamingResponse,
    responses={
        **errors(BadRequest, NotFound, Forbidden),
        200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}},
    },
)
async def watch_agent_updates(
    request: Request,
    caller: Reader,
    deps: MessageDeps,
    agent_id: Annotated[
        ShortText | None,
        Query(description="whose; by default of the key's agent, else everybody's"),
    ] = None,
    seconds: Annotated[int, Query(ge=0, le=3600, description="how long it lasts at most")] = 3600,
    last_event_id: Annotated[
        str | None, Header(max_length=60, description="the `id` of the last update that was read")
    ] = None,
) -> StreamingResponse:
    """What changes, as it changes: hand-offs, messages where people answer, notes, broken promises.

    Each update has an id; sent back as `Last-Event-ID` the stream goes on behind it, for a day. While it
    is open its agent stays present. `event: reset` says that more was missed than is kept.
    """
    after, is_forgotten = _place(last_event_id)
    who = await actions.listener_of(deps.database, caller_of(caller), agent_id)
    draining: asyncio.Event = request.app.state.draining
    stream = _stream(deps, who, after, (time.monotonic() + seconds, draining))
    return StreamingResponse(
        _led_by(_BEGIN + _RESET * is_forgotten, stream),
        media_type="text/event-stream",
        headers=_HEADERS,
    )


def _place(given: str | None) -> tuple[LogPlace | None, bool]:
    """Where to go on, and whether what followed may be gone."""
    if given is None:
        return None, False
    found = _PLACE.fullmatch(given.strip())
    if found is None:
        raise BadRequest("Last-Event-ID is none of this stream", header="Last-Event-ID")
    shown_at = datetime.fromtimestamp(int(found[3]), UTC)
    return (int(found[1]), int(found[2])), actions.is_forgotten(shown_at, datetime.now(UTC))


async def _stream(
    deps: MessageDeps, who: Listener, after: LogPlace | None, until: tuple[float, asyncio.Event]
) -> AsyncIterator[bytes]:
    end, draining = until

    def is_over() -> bool:
        return draining.is_set() or time.monotonic() >= end

    async for updates in actions.watch(deps, who, after, is_over):
        yield b"".join(_event(update) for update in updates) or _ALIVE


async def _led_by(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


def _event(update: Update) -> bytes:
    data = {
        "account_id": update.account_id,
        "conversation_id": update.conversation_id,
        "agent_id": update.agent_id,
        "at": written(update.created_at),
        **update.data,
    }
    place = f"{update.tx}-{update.number}-{int(update.created_at.timestamp())}"
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (
        place.encode(),
        update.type.encode(),
        orjson.dumps(data),
    )
