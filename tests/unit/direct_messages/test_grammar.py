"""Conditions, kinds of messages, leads and effects of rules."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.direct_messages.domain.cases import Decision, FanFacts, Outcome
from services.direct_messages.domain.checking import faults
from services.direct_messages.domain.conditions import (
    Conditions,
    Hours,
    OpenWindow,
    Tier,
    dump_conditions,
    load_conditions,
)
from services.direct_messages.domain.conversations import Conversation, Source, Starter
from services.direct_messages.domain.decisions import decide
from services.direct_messages.domain.effects import AddTag, RemoveTag, Stop
from services.direct_messages.domain.items import TextReply
from services.direct_messages.domain.policy import policy_of
from services.direct_messages.domain.records import record_of
from services.direct_messages.domain.rules import (
    Match,
    MessageKind,
    Rule,
    Trigger,
    dump_definition,
    load_definition,
)
from tests.unit.direct_messages.cases import (
    NOW,
    POLICY,
    TALK,
    VALUES,
    a_case,
    a_definition,
    a_message,
    an_entry,
    contains,
    on,
)

HOURS = {"mon": "09:00-18:00", "sat": "closed", "makeup": "10:00-16:00"}
WEEK = {
    "calendar.hours": HOURS,
    "calendar.holidays": ["2024-02-10/2024-02-17"],
    "calendar.makeup_days": ["2024-02-18"],
}
BUSINESS = policy_of(2, VALUES | WEEK)
MONDAY = datetime(2024, 3, 4, 2, 0, tzinfo=UTC)  # 10:00 in Shanghai


def any_rule(name: str, **changed: Any) -> Rule:
    """A rule for messages whatever they say."""
    definition = a_definition(name=name, match=Match.ANY, keywords=(), **changed)
    return replace(contains(name, "x"), definition=definition)


def decided(*rules: Rule, text: str | None = "多少钱", **changed: Any) -> Decision:
    """The decision on a message."""
    return decide(a_case(changed.pop("inbound", None) or a_message(text), *rules, **changed))


def an_only(wanted: Conditions, **changed: Any) -> bool:
    """Whether a rule with these conditions fires."""
    return decided(contains("r", "钱", conditions=wanted), **changed).outcome is Outcome.REPLIED


def talk(**changed: Any) -> Conversation:
    return replace(TALK, **changed)


HOLDS: list[tuple[Conditions, dict[str, Any], bool]] = [
    (Conditions(follows=True), {"facts": FanFacts(True, NOW, 1)}, True),
    (Conditions(follows=True), {}, False),
    (Conditions(follows=False), {}, True),
    (Conditions(first_contact=True), {}, True),
    (Conditions(first_contact=True), {"conversation": talk(last_inbound_at=NOW)}, False),
    (Conditions(first_contact=False), {"conversation": talk(entered_at=NOW)}, True),
    (Conditions(started_by=Starter.FAN), {}, True),
    (
        Conditions(started_by=Starter.FAN),
        {"conversation": talk(started_by=Starter.ACCOUNT)},
        False,
    ),
    (Conditions(window=OpenWindow.NONE), {}, True),
    (
        Conditions(window=OpenWindow.REPLY),
        {"conversation": talk(last_inbound_id="@m", last_inbound_at=NOW - timedelta(hours=23))},
        True,
    ),
    (
        Conditions(window=OpenWindow.REPLY),
        {"conversation": talk(last_inbound_id="@m", last_inbound_at=NOW - timedelta(hours=25))},
        False,
    ),
    (
        Conditions(window=OpenWindow.ENTER),
        {"conversation": talk(enter_id="@e", entered_at=NOW - timedelta(seconds=9))},
        True,
    ),
    (Conditions(hours=Hours.OPEN), {}, True),
    (Conditions(hours=Hours.CLOSED), {}, False),
    (Conditions(tags_any=("意向", "老客")), {"conversation": talk(tags=("老客",))}, True),
    (Conditions(tags_any=("意向",)), {}, False),
    (Conditions(tags_none=("黑名单",)), {}, True),
    (Conditions(tags_none=("黑名单",)), {"conversation": talk(tags=("黑名单",))}, False),
    (Conditions(follows=False, tags_any=("意向",)), {}, False),
    (
        Conditions(tiers=(Tier.GOODWILL, Tier.TRUE_LOVE)),
        {"facts": FanFacts(tier=Tier.TRUE_LOVE)},
        True,
    ),
    (Conditions(tiers=(Tier.TRUE_LOVE,)), {"facts": FanFacts(tier=Tier.GOODWILL)}, False),
    (Conditions(tiers=(Tier.TRUE_LOVE,)), {}, False),
    (Conditions(tiers=(Tier.NONE,)), {}, True),
    (Conditions(sources=(Source.AD, Source.VIDEO)), {"conversation": talk(source=Source.AD)}, True),
    (Conditions(sources=(Source.AD,)), {"conversation": talk(source=Source.PAGE)}, False),
    (Conditions(sources=(Source.MESSAGE,)), {}, True),
    (Conditions(sources=(Source.MESSAGE,)), {"conversation": talk(source=Source.PAGE)}, False),
]


@pytest.mark.parametrize(("wanted", "changed", "fires"), HOLDS)
def test_a_rule_fires_where_all_its_conditions_hold(
    wanted: Conditions, changed: dict[str, Any], fires: bool
) -> None:
    assert an_only(wanted, **changed) is fires


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        (MONDAY, True),
        (MONDAY + timedelta(hours=7, minutes=59), True),
        (MONDAY + timedelta(hours=8), False),
        (MONDAY + timedelta(days=5), False),  # a Saturday
        (datetime(2024, 2, 12, 2, 0, tzinfo=UTC), False),  # a Monday in the Spring Festival
        (datetime(2024, 2, 18, 2, 30, tzinfo=UTC), True),  # a Sunday that makes up for it
        (datetime(2024, 2, 18, 1, 30, tzinfo=UTC), False),  # before its own hours
    ],
)
def test_business_hours_know_holidays_and_make_up_days(at: datetime, is_open: bool) -> None:
    for hours in Hours:
        fires = an_only(
            Conditions(hours=hours), now=at, policy=BUSINESS, inbound=a_message("钱", at)
        )
        assert fires is (is_open is (hours is Hours.OPEN))


def test_a_share_of_fans_is_that_share_and_each_stays_on_its_side() -> None:
    wanted = Conditions(share=30)
    sides = [an_only(wanted, conversation=talk(fan_open_id=f"fan-{n}")) for n in range(1000)]
    again = [an_only(wanted, conversation=talk(fan_open_id=f"fan-{n}")) for n in range(1000)]
    assert sides == again
    assert 250 < sum(sides) < 350


def test_the_next_rule_answers_where_a_condition_does_not_hold_and_the_record_says_why() -> None:
    followers = contains("followers", "多少钱", conditions=Conditions(follows=True))
    decision = decided(followers, contains("all", "钱"), on(Trigger.DEFAULT))

    assert decision.rule
    assert decision.rule.id == "all"
    lost = {c["rule_id"]: c["lost"] for c in record_of(decision)["candidates"]}
    assert lost == {"followers": "condition:follows", "all": None}


def test_a_rule_for_kinds_answers_pictures_and_words_come_first() -> None:
    rules = (
        any_rule("picture", kinds=(MessageKind.IMAGE,)),
        contains("price", "钱"),
        on(Trigger.DEFAULT),
    )
    picture = replace(a_message(None), kind="user_local_image")

    assert decided(*rules, inbound=picture).rule == rules[0]
    assert decided(*rules).rule == rules[1]
    assert decided(*rules, text="你好").rule == rules[2]
    assert decided(*rules, inbound=replace(picture, kind="video")).rule == rules[2]


def test_a_greeting_for_some_fans_comes_before_the_default_and_waits_a_day() -> None:
    new = any_rule("new", conditions=Conditions(first_contact=True))
    greeted = any_rule("followers", conditions=Conditions(follows=True))
    fans = {"facts": FanFacts(True, NOW, 1)}
    rules = new, greeted, on(Trigger.DEFAULT)

    assert decided(*rules, text="哈").rule == new
    before = talk(last_inbound_at=NOW - timedelta(days=2))
    first = decided(*rules, text="哈", conversation=before, **fans)
    assert first.rule == greeted
    second = decided(*rules, text="哈", conversation=first.after, **fans)
    assert second.rule == rules[2]
    lost = {c["rule_id"]: c["lost"] for c in record_of(second)["candidates"]}
    assert lost == {
        "followers": "condition:greeting_interval",
        "new": "condition:first_contact",
        "default": None,
    }


def test_a_filled_in_card_asks_the_rules_for_leads_and_no_words() -> None:
    rules = on(Trigger.LEAD), any_rule("picture", kinds=(MessageKind.OTHER,)), on(Trigger.DEFAULT)
    card = replace(a_message(None), trigger=Trigger.LEAD, kind="retain_consult_card")

    assert decided(*rules, inbound=card).rule == rules[0]
    assert decided(*rules[1:], inbound=card).rule == rules[1]
    assert decided(*rules, inbound=card).after.last_inbound_id == card.platform_id


def test_a_rule_gives_and_takes_tags_within_the_limit() -> None:
    effects = (*(AddTag(str(n)) for n in range(4)), RemoveTag("旧"))
    rule = contains("tags", "钱", effects=effects)
    before = talk(tags=("旧", "b", "c"))

    after = decided(rule, conversation=before).after
    assert after.tags == ("b", "c", "0", "1")  # two had room before the old one was taken
    assert decided(rule, conversation=talk(tags=("旧",))).after.tags == ("0", "1", "2", "3")


def test_a_rule_that_stops_sends_nothing_and_asks_no_later_rule() -> None:
    stop = contains("stop", "广告", replies=(), effects=(Stop(), AddTag("骚扰")))
    decision = decided(stop, on(Trigger.DEFAULT), text="发个广告")

    assert (decision.outcome, decision.items, decision.rule) == (Outcome.SILENT, (), stop)
    assert decision.after.tags == ("骚扰",)
    over = contains("over", "钱", replies=(), hand_off=True)
    assert decided(over).outcome is Outcome.HANDED_OVER


def test_conditions_of_a_greeting_hold_for_entries_too() -> None:
    rules = (
        on(Trigger.ENTER, "new", conditions=Conditions(first_contact=True)),
        on(Trigger.ENTER, "old"),
    )
    again = talk(last_inbound_at=NOW)
    assert decide(a_case(an_entry(), *rules)).rule == rules[0]
    assert decide(a_case(an_entry(), *rules, conversation=again)).rule == rules[1]


def test_conditions_and_effects_come_back_from_what_is_stored() -> None:
    wanted = Conditions(
        *(True, False, Starter.FAN, OpenWindow.REPLY, Hours.OPEN, ("a",), ("b",), 5),
        tiers=(Tier.GOODWILL, Tier.NONE),
        sources=(Source.AD,),
    )
    made = a_definition(
        conditions=wanted, effects=(AddTag("x"), RemoveTag("y")), claim_reason="证书编号 1"
    )
    assert load_definition(dump_definition(made)) == made
    assert load_conditions(dump_conditions(wanted)) == wanted
    assert set(dump_conditions(wanted)) == set(Conditions.__dataclass_fields__)


LAW = policy_of(3, VALUES | {"content.absolute_words": ["最佳"]})
FAULTS: list[tuple[dict[str, Any], str, str | None]] = [
    ({"kinds": (MessageKind.IMAGE,)}, "#/kinds", None),
    ({"match": Match.ANY, "keywords": ()}, "#/match", None),
    ({"trigger": Trigger.LEAD, "kinds": (MessageKind.IMAGE,)}, "#/trigger", None),
    ({"replies": ()}, "#/replies", "dm.auto_reply.items_per_firing"),
    ({"effects": (Stop(),)}, "#/effects/0", None),
    ({"effects": (AddTag(" "),)}, "#/effects/0/tag", None),
    ({"effects": tuple(AddTag(str(n)) for n in range(6))}, "#/effects", "crm.max_tags_per_contact"),
    ({"conditions": Conditions(tags_any=("a", " "))}, "#/conditions/tags_any/1", None),
    (
        {"conditions": Conditions(tags_any=("a",), tags_none=("a",))},
        "#/conditions/tags_none",
        None,
    ),
    (
        {"conditions": Conditions(first_contact=True, window=OpenWindow.REPLY)},
        "#/conditions/window",
        None,
    ),
    ({"replies": (TextReply("全城最 佳 之选"),)}, "#/replies/0/text", "content.absolute_words"),
]


@pytest.mark.parametrize(("changed", "pointer", "key"), FAULTS)
def test_a_fault_is_named_by_its_place_and_key(
    changed: dict[str, Any], pointer: str, key: str | None
) -> None:
    found = next(faults(a_definition(**changed), LAW))
    assert (found.pointer, found.policy_key) == (pointer, key)


def test_an_absolute_claim_with_a_reason_and_a_link_to_an_allowed_host_may_be_said() -> None:
    said = a_definition(replies=(TextReply("年度最佳门店"),), claim_reason="2023 年平台奖项")
    link = a_definition(replies=(TextReply("详见 https://shop.example.com/a"),))
    allowed = policy_of(4, VALUES | {"dm.text.allowed_hosts": ["example.com"]})
    assert list(faults(said, LAW)) == []
    assert [f.policy_key for f in faults(link, POLICY)] == ["dm.text.allowed_hosts"]
    assert list(faults(link, allowed)) == []


def test_an_entry_says_how_the_fan_came_and_messages_after_it_know() -> None:
    from_ads = on(Trigger.ENTER, "ads", conditions=Conditions(sources=(Source.AD,)))
    entry = replace(an_entry(), source=Source.AD)
    came = decided(from_ads, inbound=entry)
    again = replace(an_entry(), source=Source.PAGE)
    late = replace(an_entry(NOW - timedelta(minutes=1)), source=Source.VIDEO)

    assert (came.rule, came.after.source) == (from_ads, Source.AD)
    assert decided(from_ads, inbound=again, conversation=came.after).rule is None
    assert decided(inbound=again, conversation=came.after).after.source is Source.PAGE
    assert decided(inbound=late, conversation=came.after).after.source is Source.AD
