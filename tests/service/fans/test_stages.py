"""Rules move leads: what may not be is written down, and never stands in anybody's way."""

from datetime import timedelta
from typing import Any

from shared.contracts.envelope import Envelope
from shared.contracts.events.direct_messages import LeadStageAsked
from tests.service.fans.conftest import FAN, FansWorld, at, heard
from tests.service.fans.test_leads import PHONE, a_contact, leads, put


def asks(hour: int, stage: str, reason: str | None = None, fan: str = FAN) -> Envelope:
    """A rule wants the fan's lead there."""
    return heard(
        LeadStageAsked(
            open_id=fan,
            message_id="dm_7",
            rule_id="rule_1",
            stage=stage,
            reason=reason,
            asked_at=at(hour),
        )
    )


async def history(fans: FansWorld) -> list[dict[str, Any]]:
    """What happened to the one lead, oldest first."""
    (lead,) = await leads(fans)
    found: list[dict[str, Any]] = (await fans.ok("GET", f"/v1/leads/{lead['id']}/history"))["data"]
    return found[::-1]


async def test_a_rule_moves_the_open_lead_and_the_history_names_rule_and_message(
    fans: FansWorld,
) -> None:
    await fans.world.set_clock(at(1))
    await fans.hear(a_contact(fans, phone=PHONE))
    asked = asks(1, "high_intent")
    await fans.hear(asked, asked)
    await fans.hear(asked)

    (lead,) = await leads(fans)
    (_, line) = await history(fans)
    assert (lead["stage"], lead["version"]) == ("high_intent", 2)
    assert (line["change"], line["actor"], line["message_id"]) == ("stage", "rule_1", "dm_7")


async def test_a_move_back_is_refused_in_the_history_and_changes_nothing(fans: FansWorld) -> None:
    await fans.world.set_clock(at(1))
    await fans.hear(a_contact(fans, phone=PHONE))
    await fans.hear(asks(1, "arrived"))
    await fans.hear(asks(1, "contacted"))
    await fans.hear(asks(1, "arrived"))

    (lead,) = await leads(fans)
    *_, line = await history(fans)
    assert (lead["stage"], lead["version"]) == ("arrived", 2)
    assert (line["change"], line["stage"]) == ("stage_refused", "arrived")
    assert line["reason"] == "from arrived to contacted"
    assert await fans.world.sql("SELECT 1 FROM fans.quarantine") == []


async def test_what_comes_before_the_lead_waits_for_it(fans: FansWorld) -> None:
    await fans.world.set_clock(at(1))
    early = asks(1, "contacted")
    await fans.hear(early)
    assert await fans.world.sql("SELECT 1 FROM fans.inbox WHERE id = $1", early.id) == []

    await fans.hear(a_contact(fans, phone=PHONE))
    await fans.hear(early)

    assert [lead["stage"] for lead in await leads(fans)] == ["contacted"]


async def test_without_an_open_lead_it_is_given_up_after_a_minute(fans: FansWorld) -> None:
    await fans.world.set_clock(at(1) + timedelta(minutes=1))
    late = asks(1, "contacted")
    await fans.hear(late)
    assert await leads(fans) == []
    assert len(await fans.world.sql("SELECT 1 FROM fans.inbox WHERE id = $1", late.id)) == 1


async def test_an_ended_lead_stays_ended(fans: FansWorld) -> None:
    await fans.world.set_clock(at(1))
    await fans.hear(a_contact(fans, phone=PHONE))
    (lead,) = await leads(fans)
    await put(fans, lead, "stage", {"stage": "won"})
    await fans.world.set_clock(at(2))
    await fans.hear(asks(1, "lost", "不再需要"))
    *_, line = await history(fans)
    assert ((await leads(fans))[0]["stage"], line["change"]) == ("won", "stage_refused")
