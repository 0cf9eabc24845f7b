"""What fans do is decided once, answered within the quota, and never doubled."""

from datetime import timedelta

from shared.contracts.events.douyin import Outcome
from tests.service.direct_messages.conftest import (
    DEFAULT,
    GREETING,
    PERSON,
    PRICE,
    THANKS,
    Shop,
)


async def test_a_message_is_answered_by_its_rule(shop: Shop) -> None:
    await shop.rules(PRICE, DEFAULT)

    await shop.says("请问多少钱?")

    (request,) = await shop.requests()
    assert request["texts"] == ["99 元"]
    assert request["scene"] == "im_reply_msg"
    assert request["reply_to"] == "@msg0001=="
    assert request["reservation_id"].startswith("rsv_")
