"""Messages that are taken back, by us or by the fan, told in whatever order."""

from typing import Any

import httpx2
import pytest

from services.direct_messages import actions
from shared.contracts.envelope import Envelope
from shared.contracts.events.douyin import MessageRecalled, Outcome, RecallSettled
from tests.service.direct_messages.conftest import FAN, ORG, OTHER_ORG, PRICE, Shop


async def recall(shop: Shop, message: str, organization: str = ORG) -> httpx2.Response:
    return await shop.call("POST", f"/v1/messages/{message}/recall", organization=organization)


async def asked(shop: Shop) -> list[dict[str, Any]]:
    rows = await shop.world.sql("SELECT envelope FROM direct_messages.outbox ORDER BY id")
    envelopes = [Envelope.load(bytes(row[0])) for row in rows]
    return [e.data for e in envelopes if e.type == "direct_messages.recall_requested"]


async def messages(shop: Shop) -> list[dict[str, Any]]:
    path = f"/v1/conversations/{(await shop.conversation())['id']}/timeline"
    found = [m for m in (await shop.get(path)).json()["data"] if m["direction"]]
    return sorted(found, key=lambda m: str(m["direction"]))


def settled(shop: Shop, *, recalled: bool = True, reason: str | None = None) -> Envelope:
    event = RecallSettled(
        message_id="@out0==",
        open_id=FAN,
        recalled=recalled,
        reason=reason,
        code=None if recalled else 28003082,
        log_id="log-3",
    )
    return shop.envelope(event)


def gone(shop: Shop, message_id: str, *, by_account: bool = False) -> Envelope:
    event = MessageRecalled(
        message_id=message_id,
        open_id=FAN,
        by_account=by_account,
        recalled_at="2025-01-01T00:00:00Z",  # type: ignore[arg-type]  # pydantic reads it
    )
    return shop.envelope(event)


@pytest.fixture
async def answered(shop: Shop) -> Shop:
    """A fan asked, a rule answered, the answer was sent."""
    await shop.rules(PRICE)
    await shop.says("多少钱")
    (request,) = await shop.requests()
    await shop.tell(shop.a_settlement(request, Outcome.SENT))
    return shop


async def test_a_reply_is_asked_back_and_is_recalled_when_the_platform_agrees(
    answered: Shop,
) -> None:
    _, reply = await messages(answered)
    answer = await recall(answered, reply["id"])
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] == "sent"
    (request,) = await asked(answered)
    assert request == {
        "message_id": "@out0==",
        "conversation_id": f"@conv-{FAN}",
        "open_id": FAN,
    }
    await answered.tell(settled(answered))
    assert [m["state"] for m in await messages(answered)] == ["received", "recalled"]
    assert (await recall(answered, reply["id"])).status_code == 409


async def test_a_refusal_stands_on_the_message(answered: Shop) -> None:
    _, reply = await messages(answered)
    await recall(answered, reply["id"])
    await answered.tell(settled(answered, recalled=False, reason="message_mismatch"))
    _, reply = await messages(answered)
    assert (reply["state"], reply["reason"]) == ("sent", "recall_message_mismatch")
    assert (reply["code"], reply["log_id"]) == (28003082, "log-3")


async def test_what_the_fan_takes_back_is_marked(answered: Shop) -> None:
    await answered.tell(gone(answered, "@msg0001=="))
    assert [m["state"] for m in await messages(answered)] == ["recalled", "sent"]


async def test_a_reply_that_the_release_before_settled_is_taken_back_too(answered: Shop) -> None:
    # it kept the platform's id in the column of what fans send
    await answered.world.sql(
        "UPDATE direct_messages.message SET platform_message_id = sent_id, sent_id = NULL"
        " WHERE direction = 'out'"
    )
    _, reply = await messages(answered)
    await answered.tell(gone(answered, "@out0==", by_account=True))
    assert reply["platform_message_id"] == "@out0=="
    assert [m["state"] for m in await messages(answered)] == ["received", "recalled"]


async def test_news_of_a_recall_may_come_before_the_message(shop: Shop) -> None:
    await shop.tell(gone(shop, "@msg0001=="))
    await shop.says("说错了")
    assert [m["state"] for m in await messages(shop)] == ["received"]
    await actions.apply_recalls(shop.deps)
    assert [m["state"] for m in await messages(shop)] == ["recalled"]


async def test_an_outcome_that_comes_after_the_recall_changes_nothing(answered: Shop) -> None:
    await answered.tell(gone(answered, "@out0==", by_account=True))
    (request,) = await answered.requests()
    await answered.tell(answered.a_settlement(request, Outcome.SENT))
    assert [m["state"] for m in await messages(answered)] == ["received", "recalled"]


async def test_only_what_was_sent_by_us_can_be_asked_back(answered: Shop) -> None:
    said, reply = await messages(answered)
    assert (await recall(answered, said["id"])).status_code == 409
    assert (await recall(answered, "dm_nobody")).status_code == 404
    assert (await recall(answered, reply["id"], OTHER_ORG)).status_code == 404
    assert await asked(answered) == []
