"""How sends end, what is given back, and who answered in the app."""

from datetime import timedelta
from itertools import permutations

import pytest

from shared.contracts.envelope import Envelope
from shared.contracts.events.douyin import Outcome
from shared.contracts.events.quota import ReservationOverdue
from tests.service.direct_messages.conftest import ACC, ORG, PRICE, Shop

THREE = {**PRICE, "replies": [{"kind": "text", "text": t} for t in ("一", "二", "三")]}


async def states(shop: Shop) -> list[str]:
    rows = await shop.world.sql(
        "SELECT state FROM direct_messages.message WHERE direction = 'out' ORDER BY item"
    )
    return [row[0] for row in rows]


@pytest.mark.parametrize("order", list(permutations(Outcome)), ids="-".join)
async def test_in_whatever_order_outcomes_come_sent_is_believed(
    shop: Shop, order: tuple[Outcome, ...]
) -> None:
    await shop.rules(PRICE)
    await shop.says("多少钱")
    (request,) = await shop.requests()

    for outcome in order:
        await shop.tell(shop.a_settlement(request, outcome))

    assert await states(shop) == ["sent"]
    (item,) = (await shop.story())["items"]
    assert item["platform_message_id"] == "@out0=="


async def test_items_of_a_reply_end_each_in_its_own_way(shop: Shop) -> None:
    await shop.rules(THREE)
    await shop.says("多少钱")
    (request,) = await shop.requests()
    assert request["texts"] == ["一", "二", "三"]
    assert await shop.held() == 3

    await shop.tell(
        shop.a_settlement(request, Outcome.SENT, 0),
        shop.a_settlement(request, Outcome.UNKNOWN, 1),
        shop.a_settlement(request, Outcome.FAILED, 2),
    )

    assert await states(shop) == ["sent", "unknown", "failed"]
    items = (await shop.story())["items"]
    assert [(i["item"], i["state"], i["code"]) for i in items] == [
        (0, "sent", None),
        (1, "unknown", 28003070),
        (2, "failed", 28003070),
    ]


async def test_an_outcome_that_cannot_be_kept_holds_up_none_that_were_told_with_it(
    shop: Shop,
) -> None:
    await shop.rules(THREE)
    await shop.says("多少钱")
    (request,) = await shop.requests()
    first, second, third = (
        shop.a_settlement(request, Outcome.FAILED, item).data["attempts"][0] for item in range(3)
    )
    together = shop.a_settlement(request, Outcome.SENT)
    together.data["attempts"] = [first, second | {"code": 2**40}, third]

    await shop.tell(together)

    assert await states(shop) == ["failed", "queued", "failed"]
    counted = "SELECT attempts FROM direct_messages.quarantine WHERE id = $1"
    assert [row[0] for row in await shop.world.sql(counted, together.id)] == [1]


async def test_a_settlement_of_something_else_changes_nothing(shop: Shop) -> None:
    await shop.rules(PRICE)
    await shop.says("多少钱")

    other = {"operation_id": "op_other", "reservation_id": None}
    await shop.tell(shop.a_settlement(other, Outcome.SENT))

    assert await states(shop) == ["queued"]


async def test_a_hold_whose_send_was_asked_for_is_left_to_the_connector(shop: Shop) -> None:
    await shop.rules(PRICE)
    await shop.says("多少钱")
    (request,) = await shop.requests()

    await shop.tell(await an_overdue(shop, request["operation_id"], request["reservation_id"]))

    assert await not_requested(shop) == 0
    assert await shop.held() == 1


async def test_a_hold_whose_send_was_never_asked_for_is_given_back_once(shop: Shop) -> None:
    operation, reservation = await shop.a_hold_without_a_send()
    assert await shop.held() == 1

    twice = [await an_overdue(shop, operation, reservation) for _ in range(2)]
    await shop.tell(*twice)

    assert await not_requested(shop) == 1
    await shop.world.drain()
    assert await shop.held() == 0


async def test_an_operation_that_was_given_up_may_be_asked_for_again(shop: Shop) -> None:
    await shop.rules(PRICE)
    message = await shop.a_message("多少钱")
    operation, reservation = await shop.a_hold_without_a_send(message)
    await shop.tell(await an_overdue(shop, operation, reservation))
    await shop.world.drain()

    await shop.tell(message)

    (request,) = await shop.requests()
    assert request["operation_id"] == operation
    assert request["reservation_id"] != reservation
    assert await shop.held() == 1


async def test_a_hold_of_an_operation_that_was_asked_for_under_another_is_given_back(
    shop: Shop,
) -> None:
    """Two workers had the same envelope; what the first held was given back before the second asked."""
    await shop.rules(PRICE)
    message = await shop.a_message("多少钱")
    await shop.tell(message)
    (request,) = await shop.requests()
    await shop.tell(shop.a_settlement(request, Outcome.FAILED))
    await shop.deps.quota.release(ORG, ACC, request["reservation_id"])
    operation, reservation = await shop.a_hold_without_a_send(message)
    assert (operation, await shop.held()) == (request["operation_id"], 1)
    assert reservation != request["reservation_id"]

    await shop.tell(await an_overdue(shop, operation, reservation))
    await shop.world.drain()

    assert await shop.held() == 0
    assert await states(shop) == ["failed"]


async def test_every_hold_of_an_operation_that_is_never_asked_for_is_given_back(shop: Shop) -> None:
    for _ in range(2):
        overdue = await an_overdue(shop, *await shop.a_hold_without_a_send())
        assert await shop.held() == 1
        await shop.tell(overdue)
        await shop.world.drain()
        assert await shop.held() == 0


async def test_an_operation_of_another_service_is_not_ours_to_give_up(shop: Shop) -> None:
    await shop.tell(await an_overdue(shop, "push_1", "rsv_1"))

    assert await not_requested(shop) == 0


async def test_who_answers_in_the_app_owns_the_conversation(shop: Shop) -> None:
    await shop.rules(PRICE)
    now = await shop.world.now()
    answered = shop.an_answer_in_the_app("我来帮您", now)

    await shop.says("在吗")
    await shop.tell(answered)
    await shop.tell(answered)
    await shop.says("多少钱")

    assert await shop.outcomes() == ["no_match", "person_owns"]
    conversation = await shop.conversation()
    assert (conversation["owner"], conversation["owner_reason"]) == (
        "person",
        "person_answered_in_app",
    )
    timeline = (await shop.get(f"/v1/conversations/{conversation['id']}/timeline")).json()["data"]
    (told,) = [m for m in timeline if m["actor"] == "app"]
    assert (told["text"], told["state"]) == ("我来帮您", "sent")


async def test_an_older_policy_does_not_replace_a_newer_one(shop: Shop) -> None:
    await shop.rules({**PRICE, "mode": "random_one"})
    await shop.policy(dm__reply__msg_id_valid_hours=1)
    shop.policy_version -= 2
    await shop.policy()

    await shop.says("多少钱", at=await shop.world.now() - timedelta(hours=2))

    assert await shop.outcomes() == ["window_expired"]
    assert (await shop.story())["versions"]["policy"] == 2


async def an_overdue(shop: Shop, operation: str, reservation: str) -> Envelope:
    event = ReservationOverdue(
        operation_id=operation, reservation_id=reservation, held_since=await shop.world.now()
    )
    return shop.envelope(event)


async def not_requested(shop: Shop) -> int:
    """How many holds this service gave back."""
    rows = await shop.world.sql(
        "SELECT count(*) FROM direct_messages.operation WHERE state = 'not_requested'"
    )
    return int(rows[0][0])
