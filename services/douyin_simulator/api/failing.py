"""How an answer leaves: as it should, or as a failure was ordered."""

import asyncio
import contextlib
import socket
import struct
from typing import Any, Final

import orjson

from services.douyin_simulator.api.envelopes import Oddities, Reply, Shape, wrap
from services.douyin_simulator.api.http import HTML, Receive, Send, answer
from services.douyin_simulator.domain.failures import Failure, FailureKind

# A caller that never gives up is let go after this time.
_HOLD_S: Final = 120.0
_HUGE: Final = 10 * 1024 * 1024
_NO_LINGER: Final = struct.pack("ii", 1, 0)
_PAGE: Final = "<html><head><title>502 Bad Gateway</title></head><body>系统繁忙</body></html>"


async def fail(
    reply: Reply, failure: Failure, oddities: Oddities, receive: Receive, send: Send
) -> None:
    """Let the answer go wrong in the way that was ordered."""
    match failure.kind:
        case FailureKind.SLOW:
            await asyncio.sleep(failure.delay_ms / 1000)
            await answer(send, wrap(reply, oddities))
        case FailureKind.ACCEPTED_THEN_TIMEOUT:
            await _say_nothing(receive)
        case FailureKind.ACCEPTED_THEN_RESET | FailureKind.RESET:
            await _reset(receive)
        case FailureKind.HTTP_ERROR:
            await answer(send, _PAGE.encode(), status=failure.status, kind=HTML)
        case FailureKind.HTML_BODY:
            await answer(send, _PAGE.encode(), kind=HTML)
        case FailureKind.WRONG_CONTENT_TYPE:
            await answer(send, _misshapen(reply, failure), kind=HTML)
        case _:
            await answer(send, _misshapen(reply, failure))


def _misshapen(reply: Reply, failure: Failure) -> bytes:
    """An answer of status 200 with a body that the caller did not hope for."""
    if not failure.accepted:
        reply = reply._replace(code=failure.code)
    if failure.kind is FailureKind.BUSINESS_ERROR:
        return wrap(reply, Oddities(failure.envelope))
    if failure.kind is FailureKind.WRONG_ENVELOPE:
        new = reply.shape in (Shape.E2, Shape.E2_FLAT)
        return wrap(reply._replace(shape=Shape.E1 if new else Shape.E2))
    return _spoilt(wrap(reply), failure.kind)


def _spoilt(proper: bytes, kind: FailureKind) -> bytes:
    match kind:
        case FailureKind.EMPTY_BODY:
            return b""
        case FailureKind.HUGE_BODY:
            return proper + b" " * (_HUGE - len(proper))
        case FailureKind.WRONG_CONTENT_TYPE:
            return proper
        case FailureKind.WRONG_TYPES:
            return orjson.dumps(_other_types(orjson.loads(proper)))
    return proper[: len(proper) // 2]


def _other_types(value: Any) -> Any:  # Any: JSON
    """The same keys, and under each of them what nobody expects there."""
    if isinstance(value, dict):
        return {key: _other_types(one) for key, one in value.items()}
    return {"list": value} if isinstance(value, list) else [value]


async def _say_nothing(receive: Receive) -> None:
    """Keep the caller waiting until it gives up; whoever does not gets no answer either."""
    try:
        async with asyncio.timeout(_HOLD_S):
            await _until_left(receive)
    except (TimeoutError, asyncio.CancelledError):  # waited long enough, or the simulator stops
        await _reset(receive)


async def _reset(receive: Receive) -> None:
    """Break the connection as a crashed server would: RST, no answer.

    ASGI has no word for this, so it reaches for the connection behind uvicorn's `receive`.
    """
    transport = receive.__self__.transport  # type: ignore[attr-defined]
    with contextlib.suppress(OSError, ValueError):  # the caller may have left already
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER
        )
    transport.abort()
    await _until_left(receive)


async def _until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
