"""A fan writes while an answer is on its way: it is sent in the window in which quota holds it."""

from datetime import datetime, timedelta

from shared.contracts.api.quota import Purpose, ReserveRequest, Window
from tests.service.direct_messages.conftest import ACC, FAN, ORG, PRICE, Shop
from tests.service.direct_messages.test_conversations_api import reply

NEWER = "@newer=="


async def another_worker_answers(shop: Shop, opened_by: str) -> datetime:
    """It holds quota for a newer message, and has written nothing yet; when the message came."""
    at = await shop.world.now() + timedelta(milliseconds=1)
    request = ReserveRequest(
        organization_id=ORG,
        account_id=ACC,
        operation_id=f"op_{opened_by}",
        purpose=Purpose.DM_REPLY,
        subject=FAN,
        items=1,
        actor="bot",
        window=Window(opened_by=opened_by, opened_at=at),
        planned_at=None,
    )
    (answer,) = await shop.deps.quota.reserve([request])
    assert answer
    assert answer.granted
    return at


async def test_a_persons_reply_answers_the_message_that_its_hold_counts_for(shop: Shop) -> None:
    await shop.says("在吗")
    at = await another_worker_answers(shop, NEWER)

    assert (await reply(shop, "在的")).status_code == 202

    (request,) = await shop.requests()
    assert (request["reply_to"], await shop.held()) == (NEWER, 2)
    opened = datetime.fromisoformat(request["window_opened_at"])
    assert opened == at
    assert datetime.fromisoformat(request["expires_at"]) - opened == timedelta(hours=24)


async def test_an_automatic_reply_that_is_late_does_too(shop: Shop) -> None:
    await shop.rules(PRICE)
    late = await shop.a_message("多少钱")
    await another_worker_answers(shop, NEWER)

    await shop.tell(late)

    (request,) = await shop.requests()
    assert (request["reply_to"], await shop.held()) == (NEWER, 2)
    granted = (await shop.story())["quota"]["granted"]
    assert granted["held_in"]["opened_by"] == NEWER


async def test_who_asks_again_hears_in_which_window_it_was_held(shop: Shop) -> None:
    await another_worker_answers(shop, NEWER)
    request = ReserveRequest(
        organization_id=ORG,
        account_id=ACC,
        operation_id="op_1",
        purpose=Purpose.DM_REPLY,
        subject=FAN,
        items=1,
        actor="bot",
        window=Window(opened_by="@older==", opened_at=await shop.world.now() - timedelta(hours=1)),
        planned_at=None,
    )
    (first,) = await shop.deps.quota.reserve([request])
    (again,) = await shop.deps.quota.reserve([request])
    await another_worker_answers(shop, "@newest==")
    (late,) = await shop.deps.quota.reserve([request])

    windows = [
        a and a.granted and a.granted.held_in and a.granted.held_in.opened_by
        for a in (first, again, late)
    ]
    assert windows == [NEWER] * 3
