"""Endpoints are told what they asked for, signed, at least once, and one's trouble is nobody else's."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import orjson
import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from services.open_platform.actions import webhook_deliveries
from services.open_platform.actions.delivering import Courier
from shared.contracts.events.direct_messages import Attribution, LeadCaptured
from shared.contracts.events.douyin import AuthorisationNeeded
from tests.service.open_platform.hooks import AT, Hooks, some_hooks


@pytest.fixture
async def hooks(worlds: Callable[..., Any]) -> AsyncIterator[Hooks]:
    """The open platform, whose webhooks may go to this machine."""
    async with some_hooks(worlds) as found:
        yield found


async def test_what_happens_is_told_signed(hooks: Hooks) -> None:
    receiver = await hooks.receiver()
    endpoint = await hooks.endpoint(receiver)
    envelope = await hooks.happens()
    assert await hooks.turn() == 1
    (got,) = receiver.got
    assert got.verified(endpoint["secret"]) == {
        "type": "dm.rule_paused",
        "timestamp": "2026-01-31T09:00:00.123Z",
        "data": {
            "account_id": "acc_1",
            "cause": "evt_cause",
            "rule_id": "rule_1",
            "rule_version": 3,
            "reason": "content_refused",
            "code": 28001007,
            "log_id": "log_1",
            "links": {"rule": "/v1/accounts/acc_1/rules/rule_1"},
        },
    }
    assert (got.id, got.path) == (envelope.id, "/siyu")
    assert got.headers["accept-encoding"] == "identity"
    delivery = await hooks.the_delivery()
    assert (delivery["state"], delivery["tried"], delivery["webhook_id"]) == (
        "delivered",
        1,
        got.id,
    )
    assert delivery["payload"] == orjson.loads(got.body)
    assert await hooks.turn() == 0


async def test_an_event_that_comes_twice_is_told_once(hooks: Hooks) -> None:
    receiver = await hooks.receiver()
    await hooks.endpoint(receiver)
    envelope = await hooks.happens()
    await hooks.world.sql("DELETE FROM open_platform.inbox")
    await hooks.world.deliver("open_platform", envelope)
    assert await hooks.turn() == 1


async def test_only_who_subscribed_is_told(hooks: Hooks) -> None:
    wants, other, off = [await hooks.receiver() for _ in range(3)]
    await hooks.endpoint(wants)
    await hooks.endpoint(other, event_types=["lead.changed"])
    disabled = await hooks.endpoint(off)
    place = f"/v1/webhook-endpoints/{disabled['id']}"
    await hooks.ok("PATCH", place, {"enabled": False}, if_match="*")
    await hooks.happens(to=hooks.stranger)
    assert await hooks.turn() == 0
    await hooks.happens()
    await hooks.happens(
        AuthorisationNeeded(client_key="k", open_id="o", reason="expired", usable_until=AT)
    )
    assert await hooks.turn() == 2
    assert [len(each.got) for each in (wants, other, off)] == [2, 0, 0]


async def test_a_lead_leaves_without_its_contact(hooks: Hooks) -> None:
    receiver = await hooks.receiver()
    endpoint = await hooks.endpoint(receiver)
    contact = hooks.world.resources.sealer.seal(hooks.organization, "13800138000", AT.date())
    await hooks.happens(
        LeadCaptured(
            open_id="fan-1",
            conversation_id="conv_1",
            message_id="dm_1",
            source="text",
            card_id=None,
            contact=contact,
            consent_version=2,
            captured_at=AT,
            attribution=Attribution(
                source="ad", entered_at=AT, item_id=None, ad={"ad_id": "17001"}
            ),
        )
    )
    await hooks.turn()
    data = receiver.got[0].verified(endpoint["secret"])["data"]
    assert data["captured_at"] == "2026-01-31T09:00:00.123Z"
    at = "2026-01-31T09:00:00.123Z"
    assert data["attribution"] == {
        "source": "ad",
        "entered_at": at,
        "item_id": None,
        "ad": {"ad_id": "17001"},
    }
    assert data["links"]["conversation"] == "/v1/conversations/conv_1"
    assert all(word not in receiver.got[0].body.decode() for word in (contact, "138", "fan-1"))


async def test_what_fails_comes_again_under_the_same_id(hooks: Hooks) -> None:
    receiver = await hooks.receiver()
    endpoint = await hooks.endpoint(receiver)
    receiver.answers_with(500, 302, location=f"{receiver.url}/elsewhere")
    await hooks.happens()
    assert await hooks.turn() == 1
    assert await hooks.turn() == 0  # it waits five seconds
    assert (await hooks.the_delivery())["state"] == "pending"
    assert await hooks.turn_until_it_ends() == 0
    await hooks.later()
    assert await hooks.turn_until_it_ends() == 2
    assert len({got.id for got in receiver.got}) == 1
    assert {got.path for got in receiver.got} == {"/siyu"}
    assert [got.verified(endpoint["secret"])["type"] for got in receiver.got]
    delivery = await hooks.the_delivery()
    assert [(t["number"], t["status"], t["trouble"]) for t in delivery["tries"]] == [
        (3, 200, None),
        (2, 302, "refused"),
        (1, 500, "refused"),
    ]


async def test_ten_tries_in_vain_are_the_end_until_somebody_sends_it_again(hooks: Hooks) -> None:
    receiver = await hooks.receiver()
    await hooks.endpoint(receiver)
    receiver.answers_with(*[500] * 10)
    envelope = await hooks.happens()
    assert await hooks.turn_until_it_ends() == 10
    delivery = await hooks.the_delivery()
    assert (delivery["state"], delivery["reason"]) == ("failed", "exhausted")

    place = f"/v1/webhook-deliveries/{delivery['id']}/redelivery"
    assert (await hooks.ask("POST", place)).status_code == 400  # it wants a key
    for _ in range(2):
        again = await hooks.ask("POST", place, idempotency_key="send-it-again")
        assert again.status_code == 202
    assert await hooks.turn_until_it_ends() == 1
    assert receiver.got[-1].id == envelope.id
    assert (await hooks.the_delivery())["state"] == "delivered"


async def test_whoever_dies_with_a_delivery_lets_it_be_sent_again(hooks: Hooks) -> None:
    receiver = await hooks.receiver()
    await hooks.endpoint(receiver)
    envelope = await hooks.happens()
    assert len(await hooks.courier.claim()) == 1  # and nothing more is heard of this process
    other = Courier(hooks.deps.database, hooks.deps.sealer, hooks.courier._receivers, lambda: 0.5)
    assert await other.claim() == []  # it may still be under way
    await hooks.later()
    (claimed,) = await other.claim()
    await other.deliver(claimed)
    assert [got.id for got in receiver.got] == [envelope.id]


async def test_a_try_that_another_process_settled_changes_nothing(hooks: Hooks) -> None:
    receiver = await hooks.receiver()
    await hooks.endpoint(receiver)
    await hooks.happens()
    (late,) = await hooks.courier.claim()
    await hooks.later()
    other = Courier(hooks.deps.database, hooks.deps.sealer, hooks.courier._receivers, lambda: 0.5)
    (claimed,) = await other.claim()
    await other.deliver(claimed)
    receiver.answers_with(500)
    await hooks.courier.deliver(late)
    delivery = await hooks.the_delivery()
    assert (delivery["state"], len(delivery["tries"])) == ("delivered", 1)


async def test_two_secrets_sign_until_the_overlap_is_over(hooks: Hooks) -> None:
    receiver = await hooks.receiver()
    old = await hooks.endpoint(receiver)
    new = await hooks.ok("POST", f"/v1/webhook-endpoints/{old['id']}/secret", {"overlap_hours": 2})
    await hooks.happens()
    await hooks.turn()
    for secret in (old["secret"], new["secret"]):
        assert receiver.got[0].verified(secret)
    await hooks.world.sql("UPDATE open_platform.webhook_endpoint SET previous_secret_until = now()")
    await hooks.happens()
    await hooks.turn()
    assert receiver.got[1].verified(new["secret"])
    with pytest.raises(WebhookVerificationError):
        receiver.got[1].verified(old["secret"])


async def test_a_test_is_sent_once_and_shown(hooks: Hooks) -> None:
    receiver = await hooks.receiver()
    endpoint = await hooks.endpoint(receiver)
    place = f"/v1/webhook-endpoints/{endpoint['id']}"
    receiver.answers_with(500)
    asked = await hooks.ask("POST", f"{place}/test")
    assert asked.status_code == 202
    assert await hooks.turn() == 1
    assert receiver.got[0].verified(endpoint["secret"])["type"] == "webhook.test"
    shown = await hooks.ok("GET", asked.headers["location"])
    assert (shown["state"], shown["reason"], shown["account_id"]) == ("failed", "refused", None)
    await hooks.ok("PATCH", place, {"enabled": False}, if_match="*")
    assert (await hooks.ask("POST", f"{place}/test")).status_code == 409


async def test_the_log_is_read_by_page_endpoint_and_state(hooks: Hooks) -> None:
    receiver = await hooks.receiver()
    one, _ = await hooks.endpoint(receiver), await hooks.endpoint(receiver)
    for _ in range(3):
        await hooks.happens()
    receiver.answers_with(500)
    await hooks.turn()
    assert len(await hooks.log(state="pending")) == 1
    mine = await hooks.log(endpoint_id=one["id"])
    assert len(mine) == 3
    assert mine == sorted(mine, key=lambda each: each["id"], reverse=True)
    seen: list[str] = []
    path: str | None = "/v1/webhook-deliveries?limit=4"
    while path:
        page = await hooks.ok("GET", path)
        seen += [each["id"] for each in page["data"]]
        path = (
            page["next_cursor"] and f"/v1/webhook-deliveries?limit=4&cursor={page['next_cursor']}"
        )
    assert len(seen) == len(set(seen)) == 6
    for path in (f"/v1/webhook-deliveries/{seen[0]}", "/v1/webhook-deliveries"):
        answer = await hooks.ask("GET", path, by=hooks.stranger)
        assert answer.status_code == 404 or answer.json()["data"] == []


async def test_old_deliveries_are_forgotten_and_deleted_endpoints_with_them(hooks: Hooks) -> None:
    receiver = await hooks.receiver()
    endpoint = await hooks.endpoint(receiver)
    await hooks.happens()
    await hooks.turn()
    place = f"/v1/webhook-endpoints/{endpoint['id']}"
    assert (await hooks.ask("DELETE", place, if_match="*")).status_code == 204
    delivery = await hooks.the_delivery()
    again = f"/v1/webhook-deliveries/{delivery['id']}/redelivery"
    assert (await hooks.ask("POST", again, idempotency_key="once-more")).status_code == 409
    await webhook_deliveries.forget(hooks.deps.database, timedelta(days=1))
    assert await hooks.log()
    await webhook_deliveries.forget(hooks.deps.database, timedelta(0))
    assert await hooks.log() == []
    for table in ("webhook_try", "webhook_endpoint"):
        assert await hooks.world.sql(f"SELECT FROM open_platform.{table}") == []
