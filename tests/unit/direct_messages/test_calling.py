"""Who calls a person besides the rules: a fan who matters, a lead card, an entry of the menu, angry words."""

from dataclasses import replace
from typing import Any

import pytest

from services.direct_messages.domain.cases import Decision, FanFacts, Inbound, Outcome
from services.direct_messages.domain.conditions import Tier
from services.direct_messages.domain.conversations import Conversation, Owner, Reason
from services.direct_messages.domain.decisions import decide
from services.direct_messages.domain.effects import AddTag, Stop
from services.direct_messages.domain.policy import policy_of
from services.direct_messages.domain.rules import MenuPlace, Rule, Trigger
from tests.unit.direct_messages.cases import (
    NOW,
    TALK,
    VALUES,
    a_case,
    a_message,
    an_entry,
    contains,
    on,
)

CALLING: dict[str, Any] = {
    "dm.handoff.vip_tags": ["VIP"],
    "dm.handoff.lead_card": True,
    "dm.handoff.from_menu": True,
    "dm.handoff.negative_words": ["骗 子", "！", "12315"],
}
POLICY = policy_of(2, VALUES | CALLING)
PRICE = contains("price", "多少钱")
DEFAULT, GREETING = on(Trigger.DEFAULT), on(Trigger.ENTER)
IMPORTANT = replace(TALK, tags=("老客", "VIP"))
CARD = Inbound(Trigger.LEAD, "dm_1", "@msg1==", None, NOW, kind="retain_consult_card")


def decided(
    inbound: Inbound, *rules: Rule, talk: Conversation = TALK, is_old: bool = False
) -> Decision:
    policy = policy_of(1, VALUES) if is_old else POLICY
    return decide(a_case(inbound, *rules, conversation=talk, policy=policy))


def called(decision: Decision) -> Reason | None:
    return decision.after.owner_reason if decision.after.owner is Owner.PERSON else None


def test_whoever_matters_is_answered_and_a_person_is_called() -> None:
    decision = decided(a_message("多少钱"), PRICE, talk=IMPORTANT)
    assert (decision.outcome, len(decision.items)) == (Outcome.REPLIED, 1)
    assert called(decision) is Reason.VIP


def test_a_fan_of_a_tier_that_matters_is_for_people() -> None:
    policy = policy_of(2, VALUES | {"dm.handoff.vip_tiers": ["true_love"]})
    reasons = {
        tier: called(decide(a_case(a_message("多少钱"), PRICE, facts=facts, policy=policy)))
        for tier in (None, Tier.GOODWILL, Tier.TRUE_LOVE)
        for facts in (FanFacts(tier=tier),)
    }
    assert reasons == {None: None, Tier.GOODWILL: None, Tier.TRUE_LOVE: Reason.VIP}


@pytest.mark.parametrize("rules", [(), (on(Trigger.MESSAGE, "stop", effects=(Stop(),)),)])
def test_whoever_matters_is_handed_over_where_nothing_is_sent(rules: tuple[Rule, ...]) -> None:
    decision = decided(a_message("在吗"), *rules, talk=IMPORTANT)
    assert (decision.outcome, called(decision)) == (Outcome.HANDED_OVER, Reason.VIP)


def test_a_tag_that_this_very_message_brings_counts() -> None:
    rule = contains("big", "一万箱", effects=(AddTag("VIP"),))
    assert called(decided(a_message("要一万箱"), rule)) is Reason.VIP


def test_a_visit_of_somebody_who_matters_calls_nobody() -> None:
    assert called(decided(an_entry(), GREETING, talk=IMPORTANT)) is None


@pytest.mark.parametrize("rules", [(on(Trigger.LEAD),), (DEFAULT,), ()])
def test_a_lead_card_that_came_back_calls_a_person_whatever_answers_it(
    rules: tuple[Rule, ...],
) -> None:
    decision = decided(CARD, *rules)
    assert called(decision) is Reason.LEAD
    assert decision.outcome is (Outcome.REPLIED if rules else Outcome.HANDED_OVER)


def test_an_entry_of_the_menu_hands_over_as_such() -> None:
    entry = on(Trigger.MENU, "agent", menu=MenuPlace((1,), "找顾问"), hand_off=True)
    assert called(decided(a_message("找顾问"), entry)) is Reason.MENU


@pytest.mark.parametrize(
    "text", ["你们是骗子", "骗——子", "騙子！", "打１２３１５了", "骗子，多少钱"]
)
def test_angry_words_are_for_people_and_the_bot_is_silent(text: str) -> None:
    decision = decided(a_message(text), PRICE, DEFAULT)
    assert (decision.outcome, called(decision)) == (Outcome.HANDED_OVER, Reason.NEGATIVE)
    assert decision.items == ()


def test_a_word_of_nothing_but_marks_makes_nobody_angry() -> None:
    assert called(decided(a_message("多少钱！"), PRICE)) is None


def test_a_wish_for_a_person_is_the_reason_before_all_others() -> None:
    decision = decided(a_message("骗子，我要人工"), talk=IMPORTANT)
    assert called(decision) is Reason.HAND_OFF_WORD


def test_a_rule_that_hands_over_answers_angry_words_itself() -> None:
    rule = contains("sorry", "骗子", hand_off=True)
    decision = decided(a_message("骗子"), rule)
    assert (decision.outcome, called(decision)) == (Outcome.REPLIED, Reason.HAND_OFF_RULE)


def test_a_policy_from_before_decides_as_it_did() -> None:
    entry = on(Trigger.MENU, "agent", menu=MenuPlace((1,), "找顾问"), hand_off=True)
    assert called(decided(a_message("找顾问"), entry, is_old=True)) is Reason.HAND_OFF_RULE
    assert called(decided(a_message("骗子"), DEFAULT, is_old=True)) is None
    assert called(decided(a_message("在吗"), talk=IMPORTANT, is_old=True)) is None
    assert called(decided(CARD, on(Trigger.LEAD), is_old=True)) is None
