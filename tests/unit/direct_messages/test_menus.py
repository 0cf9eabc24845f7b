"""The menu: what fans see of it, and which entry they mean."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from services.direct_messages.domain.cases import Decision, Outcome
from services.direct_messages.domain.checking import faults
from services.direct_messages.domain.conversations import Conversation
from services.direct_messages.domain.decisions import decide, withdraw
from services.direct_messages.domain.items import MenuReply, QuestionCardReply, TextReply
from services.direct_messages.domain.records import record_of
from services.direct_messages.domain.reviewing import Doubt, review
from services.direct_messages.domain.rules import MenuPlace, Rule, Trigger
from tests.unit.direct_messages.cases import (
    NOW,
    POLICY,
    TALK,
    a_case,
    a_message,
    a_rule,
    contains,
    exact,
)


def entry(name: str, label: str, *position: int, **changed: Any) -> Rule:
    """An entry of the menu that answers with its own name."""
    replies = changed.pop("replies", (TextReply(name),))
    place = MenuPlace(position, label)
    return a_rule(name, trigger=Trigger.MENU, menu=place, replies=replies, **changed)


OPENS = entry("cars", "车型", 1, replies=(MenuReply("看哪一款？", 1),))
SUV, SEDAN = entry("suv", "运动型SUV", 1, 1), entry("sedan", "家用轿车", 1, 2)
PRICE, DRIVE = entry("price", "价格表", 2), entry("drive", "试驾", 3)
SHOWS = contains("shows", "菜单", replies=(MenuReply("请选择", 0),))
RULES = (OPENS, SUV, SEDAN, PRICE, DRIVE, SHOWS)


def hear(text: str, talk: Conversation = TALK, *, rules: tuple[Rule, ...] = RULES) -> Decision:
    return decide(a_case(a_message(text), *rules, conversation=talk))


def shown(level: int, ago: timedelta = timedelta(minutes=1)) -> Conversation:
    """A conversation in which that level was shown so long ago."""
    return replace(TALK, menu_level=level, menu_shown_at=NOW - ago)


def fired(decision: Decision) -> str | None:
    return decision.rule.id if decision.rule else None


def test_a_level_is_a_card_to_tap() -> None:
    decision = hear("菜单")
    assert decision.items == (QuestionCardReply("请选择", ("车型", "价格表", "试驾")),)
    assert (decision.after.menu_level, decision.after.menu_shown_at) == (0, NOW)


def test_a_level_is_numbered_lines_where_it_is_asked_for() -> None:
    texts = contains("shows", "菜单", replies=(MenuReply("请回复数字", 0, "text"),))
    decision = hear("菜单", rules=(texts, PRICE, DRIVE))
    assert decision.items == (TextReply("请回复数字\n2. 价格表\n3. 试驾"),)


def test_an_entry_opens_what_stands_under_it() -> None:
    decision = hear("车型", shown(0))
    assert decision.items == (QuestionCardReply("看哪一款？", ("运动型SUV", "家用轿车")),)
    assert decision.after.menu_level == 1


@pytest.mark.parametrize("text", ["价格表", " 价格表。", "價格表", "价格表😊", "价 格 表"])
def test_a_label_is_understood_however_it_is_typed_and_without_a_menu_before(text: str) -> None:
    assert fired(hear(text)) == "price"


@pytest.mark.parametrize("text", ["2", "２", "2.", "②", "二", "第2个", "选2", "2号"])
def test_a_number_is_an_entry_of_the_level_that_was_shown(text: str) -> None:
    assert fired(hear(text, shown(0))) == "price"
    assert fired(hear(text, shown(1))) == "sedan"


@pytest.mark.parametrize("text", ["22", "2个人去", "7", "0", "2024"])
def test_another_number_is_no_entry(text: str) -> None:
    assert hear(text, shown(0)).outcome is Outcome.NO_MATCH


def test_a_number_means_nothing_without_a_menu_or_long_after_it() -> None:
    assert hear("2").outcome is Outcome.NO_MATCH
    assert hear("2", shown(0, POLICY.reply_context)).outcome is Outcome.NO_MATCH


@pytest.mark.parametrize(
    ("text", "meant"),
    [("看下价格表", "price"), ("价格", "price"), ("价格单", "price"), ("想试驾", "drive")],
)
def test_something_near_a_label_is_that_entry_after_a_menu(text: str, meant: str) -> None:
    assert fired(hear(text, shown(0))) == meant
    assert hear(text).outcome is Outcome.NO_MATCH


def test_what_is_near_two_entries_is_neither() -> None:
    rules = (entry("a", "看车价格", 1), entry("b", "修车价格", 2))
    assert hear("价格", shown(0), rules=rules).outcome is Outcome.NO_MATCH


def test_a_menu_comes_before_keywords_and_a_near_label_after_them() -> None:
    rules = (*RULES, exact("exact", "价格表"), contains("word", "看下"))
    assert fired(hear("价格表", shown(0), rules=rules)) == "price"
    assert fired(hear("看下价格表", shown(0), rules=rules)) == "word"


def test_a_wish_for_a_person_comes_before_the_menu() -> None:
    person = entry("person", "人工客服", 3, hand_off=True)
    assert hear("我要退款 价格表", shown(0)).outcome is Outcome.HANDED_OVER
    decision = hear("人工客服", shown(0), rules=(person, PRICE))
    assert (fired(decision), decision.outcome) == ("person", Outcome.REPLIED)
    assert decision.after.owner_reason == "hand_off_rule"


def test_the_same_label_on_two_levels_is_that_of_the_level_shown() -> None:
    rules = (entry("outer", "其他", 3), OPENS, entry("inner", "其他", 1, 3))
    assert fired(hear("其他", shown(0), rules=rules)) == "outer"
    assert fired(hear("其他", shown(1), rules=rules)) == "inner"


def test_a_refused_menu_was_not_shown() -> None:
    decision = hear("菜单")
    assert withdraw(decision.after, decision).menu_level is None


def test_the_record_tells_the_entry_and_decides_the_same_again() -> None:
    decision = hear("2", shown(0))
    record = record_of(decision)
    assert record["candidates"][0]["step"] == "tapped"
    assert record["conversation"].menu_level == 0


@pytest.mark.parametrize(
    ("label", "position", "pointer", "key"),
    [
        ("太长的标签", (1,), "#/menu/label", "dm.menu.level1_label"),
        ("二级标签最长八个字", (1, 1), "#/menu/label", "dm.menu.level2_label"),
        ("好", (4,), "#/menu/position/0", "dm.menu.level1_max"),
        ("好", (1, 6), "#/menu/position/1", "dm.menu.level2_max"),
        ("好", (1, 1, 1), "#/menu/position", "dm.menu.max_levels"),
        (" ", (1,), "#/menu/label", None),
    ],
)
def test_an_entry_that_has_no_room_is_refused(
    label: str, position: tuple[int, ...], pointer: str, key: str | None
) -> None:
    found = list(faults(entry("x", label, *position).definition, POLICY))
    assert [(fault.pointer, fault.policy_key) for fault in found] == [(pointer, key)]


def test_only_the_trigger_menu_takes_a_place_and_needs_one() -> None:
    without = a_rule("x", trigger=Trigger.MENU).definition
    other = contains("x", "好", menu=MenuPlace((1,), "好")).definition
    assert [fault.pointer for fault in faults(without, POLICY)] == ["#/menu"]
    assert [fault.pointer for fault in faults(other, POLICY)] == ["#/menu"]


def test_doubts_name_entries_that_nobody_sees() -> None:
    second = entry("second", "报价", 2)
    found = {(f.rule.id, f.doubt) for f in review((*RULES, second))}
    assert ("second", Doubt.UNREACHABLE) in found
    hidden = {(f.rule.id, f.doubt) for f in review((PRICE,))}
    assert hidden == {("price", Doubt.OVERLAP)}
