"""How the answer to a send leaves: as it should, or as a failure was ordered."""

import asyncio
import contextlib
import socket
import struct
from typing import Final

from services.douyin_simulator.actions.sending import Verdict
from services.douyin_simulator.api.envelopes import e1, e1_flat, e1_text_code, e2
from services.douyin_simulator.api.http import HTML, Receive, Send, answer
from services.douyin_simulator.domain.failures import Failure, FailureKind

# A caller that never gives up is let go after this time.
_HOLD_S: Final = 120.0
_NO_LINGER: Final = struct.pack("ii", 1, 0)
_PAGE: Final = "<html><head><title>502 Bad Gateway</title></head><body>系统繁忙</body></html>"


async def answer_send(
    verdict: Verdict, number: int, envelope: str, receive: Receive, send: Send
) -> None:
    """Say what became of a send."""
    if verdict.failure is None:
        await answer(send, _body(verdict, number, envelope))
    else:
        await _fail(verdict, verdict.failure, number, receive, send)


def _body(verdict: Verdict, number: int, envelope: str) -> bytes:
    if verdict.code == 0:
        return e1_flat(verdict.now_ms, number, {"msg_id": verdict.msg_id})
    return _refusal(verdict.code, verdict.now_ms, number, envelope)


def _refusal(code: int, now_ms: int, number: int, envelope: str) -> bytes:
    shapes = {"e1": e1, "e2": e2, "text_code": e1_text_code}
    return shapes[envelope](code, now_ms, number)


async def _fail(
    verdict: Verdict, failure: Failure, number: int, receive: Receive, send: Send
) -> None:
    match failure.kind:
        case FailureKind.SLOW:
            await asyncio.sleep(failure.delay_ms / 1000)
            await answer(send, _body(verdict, number, "e1"))
        case FailureKind.ACCEPTED_THEN_TIMEOUT:
            await _say_nothing(receive)
        case FailureKind.ACCEPTED_THEN_RESET | FailureKind.RESET:
            await _reset(receive)
        case FailureKind.HTTP_ERROR:
            await answer(send, _PAGE.encode(), status=failure.status, kind=HTML)
        case FailureKind.HTML_BODY:
            await answer(send, _PAGE.encode(), kind=HTML)
        case _:
            await answer(send, _misshapen(verdict, failure, number))


def _misshapen(verdict: Verdict, failure: Failure, number: int) -> bytes:
    """An answer of status 200 with a body that the caller did not hope for."""
    now_ms, code = verdict.now_ms, 0 if failure.accepted else failure.code
    if failure.kind is FailureKind.BUSINESS_ERROR:
        return _refusal(code, now_ms, number, failure.envelope)
    if failure.kind is FailureKind.WRONG_ENVELOPE:
        return e2(code, now_ms, number, None if code else {"msg_id": verdict.msg_id})
    proper = _body(verdict._replace(code=code), number, "e1")
    return proper[: len(proper) // 2]


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
