"""Messages are taken back: asked until the platform says yes or no, told once."""

from typing import Any

import pytest

from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.direct_messages import RecallRequested
from tests.service.douyin.conftest import ACCOUNT, FAN, OPEN_ID, ORGANIZATION, Connector

RECALL = "/im/recall/msg/"
OK = {"err_no": 0, "err_msg": "", "log_id": "log-1"}


async def ask_back(connector: Connector, message: str = "@out0001==") -> Envelope:
    event = RecallRequested(message_id=message, conversation_id="@conv001==", open_id=FAN)
    origin = Origin(ORGANIZATION, ACCOUNT, "evt_cause", ids.trace_parent())
    envelope = Envelope.of(event, origin, subject=FAN, seq=1, at=await connector.world.now())
    await connector.world.deliver("douyin", envelope)
    return envelope


async def told(connector: Connector) -> list[tuple[bool, str | None]]:
    return [
        (e["data"]["recalled"], e["data"]["reason"])
        for e in await connector.events()
        if e["type"] == "douyin.recall_settled"
    ]


async def until_told(connector: Connector, *outcomes: tuple[bool, str | None]) -> None:
    async def reached() -> bool:
        return await told(connector) == list(outcomes)

    await connector.until(reached)


async def test_the_platform_is_asked_once_and_agrees(connector: Connector) -> None:
    connector.platform.will(RECALL, OK)
    envelope = await ask_back(connector)
    await until_told(connector, (True, None))
    (asked,) = connector.platform.asked
    assert (asked.query, asked.token) == ({"open_id": OPEN_ID}, "act.x")
    assert asked.fields == {
        "msg_id": "@out0001==",
        "conversation_id": "@conv001==",
        "conversation_type": 1,
    }
    await connector.world.deliver("douyin", envelope)
    await ask_back(connector)
    assert len(connector.platform.asked) == 1, "what is back is not asked for again"


@pytest.mark.parametrize(
    "bad", [b"<html>", b"", None, {"err_no": 28001005}], ids=["html", "nothing", "dead", "busy"]
)
async def test_after_an_answer_that_says_nothing_it_is_asked_again(
    connector: Connector, bad: Any
) -> None:
    connector.platform.will(RECALL, bad, OK)
    await ask_back(connector)
    await until_told(connector, (True, None))
    assert len(connector.platform.asked) == 2


async def test_a_refusal_is_told_and_may_be_tried_once_more(connector: Connector) -> None:
    connector.platform.will(RECALL, {"err_no": 28003082, "log_id": "log-2"}, OK)
    await ask_back(connector)
    await until_told(connector, (False, "message_mismatch"))
    await ask_back(connector)
    await until_told(connector, (False, "message_mismatch"), (True, None))


async def test_without_authorisation_nothing_is_asked(connector: Connector) -> None:
    await connector.bind(access_token=None)
    await ask_back(connector)
    await until_told(connector, (False, "not_authorised"))
    assert connector.platform.asked == []
