"""A platform that answers nonsense to a send: one class for all of it, nothing lost, nothing sent twice."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from tests.service.douyin.conftest import Connector
from tests.service.douyin.platform import ScriptedPlatform

WHOLE = json.dumps({"data": {"error_code": 0}, "extra": {"error_code": 0}, "msg_id": "@x=="})
NONSENSE = {
    "html": (b"<html><body>502 Bad Gateway</body></html>", 200),
    "an error page": (b"<html>gone</html>", 502),
    "cut off": (WHOLE[:-20].encode(), 200),
    "ten megabytes": (b'{"msg_id":"' + b"x" * 10_000_000 + b'"}', 200),
    "nothing": (b"", 200),
    "no object": (b"[]", 200),
    "deep": (b"[" * 200_000, 200),
    "no code": (b"{}", 200),
    "not UTF-8": (b"\xff\xfe{}", 200),
}


def taken_but_said(
    body: bytes, status: int
) -> Callable[[ScriptedPlatform, dict[str, Any]], Awaitable[web.Response]]:
    """The message is taken, and the answer is nonsense."""

    async def answer(platform: ScriptedPlatform, _: dict[str, Any]) -> web.Response:
        platform.accepted.append(platform.calls[-1])
        return web.Response(body=body, status=status, content_type="text/html")

    return answer


@pytest.mark.parametrize(("body", "status"), NONSENSE.values(), ids=NONSENSE.keys())
async def test_what_cannot_be_read_is_unknown_sent_once_and_settled_by_its_echo(
    connector: Connector, body: bytes, status: int
) -> None:
    connector.platform.script.append(taken_but_said(body, status))
    await connector.request("op_1", "您好")
    await connector.until_states("unknown")
    await asyncio.sleep(0.6)  # longer than the first pause before another try
    assert len(connector.platform.calls) == 1
    await connector.echo("@echo==", "您好")
    assert await connector.states() == ["sent"]
    assert await connector.settled() == [("op_1", 0, "unknown"), ("op_1", 0, "sent")]


async def test_after_nonsense_the_next_message_goes_out_as_ever(connector: Connector) -> None:
    connector.platform.script.append(taken_but_said(*NONSENSE["ten megabytes"]))
    await connector.request("op_1", "一")
    await connector.until_states("unknown")
    await connector.request("op_2", "二")
    await connector.until_states("unknown", "sent")
