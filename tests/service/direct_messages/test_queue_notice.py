"""The notice of the queue, when two find at once that a fan waits for it."""

import asyncio

from services.direct_messages.actions.noticing import notice_queue
from tests.service.direct_messages.conftest import ACC, ORG, PERSON, Shop
from tests.service.direct_messages.people import an_agent


async def test_of_two_who_notice_at_once_one_does_and_its_hold_stays(shop: Shop) -> None:
    await shop.rules(PERSON)
    await an_agent(shop, "qing", is_there=False)
    await shop.policy(dm__handoff__queue_notice=None)
    await shop.says("我要人工")
    await shop.policy(dm__handoff__queue_notice="前面还有 {ahead} 位")
    conversation = (await shop.conversation())["id"]
    before = await shop.held()

    told = await asyncio.gather(
        *(notice_queue(shop.deps, (ORG, ACC), conversation) for _ in range(4))
    )

    assert sorted(told) == [False, False, False, True]
    assert await shop.held() == before + 1
