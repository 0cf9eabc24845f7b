"""Flows: a rule asks one thing after the other."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import orjson
import pytest

from services.direct_messages.domain.cases import Decision, Inbound, Outcome
from services.direct_messages.domain.checking import faults
from services.direct_messages.domain.conversations import Conversation
from services.direct_messages.domain.decisions import decide, withdraw
from services.direct_messages.domain.flows import (
    Choice,
    Expects,
    StartFlow,
    Step,
    Waiting,
    contact_from,
    load_flow,
)
from services.direct_messages.domain.items import TextReply
from services.direct_messages.domain.matching import compile_rules
from services.direct_messages.domain.records import decide_again, record_of
from services.direct_messages.domain.rules import Rule, Trigger, dump_definition, load_definition
from tests.unit.direct_messages.cases import NOW, POLICY, TALK, a_case, contains, exact, on

FLOW = StartFlow(
    (
        Step(
            "model",
            "想试驾哪一款？",
            Expects.CHOICE,
            (Choice("SUV"), Choice("轿车"), Choice("再看看", -1)),
        ),
        Step("name", "怎么称呼您？"),
        Step("phone", "留个手机号吧", Expects.PHONE, hint="请输入 11 位手机号"),
    ),
    done="已登记，顾问会联系您",
    expires_minutes=30,
)
DRIVE = contains("drive", "试驾", replies=(TextReply("欢迎试驾"),), effects=(FLOW,))
PRICE, ADDRESS = contains("price", "多少钱"), exact("address", "地址")
DEFAULT = on(Trigger.DEFAULT, "default", replies=(TextReply("稍后"),))
RULES = (DRIVE, PRICE, ADDRESS, DEFAULT)


class Chat:
    """A fan who writes one message after the other, one a minute."""

    def __init__(self, *rules: Rule) -> None:
        self.rules, self.talk, self.now, self.count = rules or RULES, TALK, NOW, 0
        self.last: Decision | None = None

    def says(self, text: str, *, after: timedelta = timedelta(minutes=1)) -> list[str]:
        """What she is answered."""
        self.now, self.count = self.now + after, self.count + 1
        inbound = Inbound(Trigger.MESSAGE, f"dm_{self.count}", f"@m{self.count}", text, self.now)
        case = a_case(inbound, *self.rules, conversation=self.talk, now=self.now)
        self.last = decide(case)
        self.talk = self.last.after
        return [item.text for item in self.last.items if isinstance(item, TextReply)]


CHOICES = "想试驾哪一款？\n1. SUV\n2. 轿车\n3. 再看看"


def test_a_flow_asks_one_thing_after_the_other_and_learns_which_messages_answered() -> None:
    chat = Chat()
    assert chat.says("我要试驾") == ["欢迎试驾", CHOICES]
    assert chat.says("2") == ["怎么称呼您？"]
    assert chat.says("王女士😊") == ["留个手机号吧"]
    assert chat.says("138 0013 8000") == ["已登记，顾问会联系您"]
    assert chat.last is not None
    assert chat.last.learnt == (("model", "dm_2"), ("name", "dm_3"), ("phone", "dm_4"))
    assert chat.talk.flow is None
    assert chat.says("在吗") == ["稍后"]


def test_the_answers_make_a_contact() -> None:
    said = {"model": "2", "name": "王女士", "phone": "138 0013 8000"}
    contact = contact_from(FLOW, said)
    assert contact is not None
    assert (contact.source, contact.name, contact.phone) == ("flow", "王女士", "+8613800138000")
    assert contact.more == (("model", "轿车"),)
    assert contact_from(FLOW, {"model": "2"}) is None


@pytest.mark.parametrize("text", ["SUV", "suv。", "1", "１", "选1", "我想看SUV"])
def test_a_choice_is_taken_by_label_or_number(text: str) -> None:
    chat = Chat()
    chat.says("试驾")
    assert chat.says(text) == ["怎么称呼您？"]


def test_a_choice_may_end_it() -> None:
    chat = Chat()
    chat.says("试驾")
    assert chat.says("再看看") == ["已登记，顾问会联系您"]
    assert chat.talk.flow is None


def test_what_does_not_fit_is_asked_again_and_at_last_left_to_other_rules() -> None:
    chat = Chat()
    chat.says("试驾")
    assert chat.says("蓝色的") == [CHOICES]
    assert chat.says("红色的") == ["稍后"]
    assert chat.talk.flow is None


def test_another_rule_answers_in_between_and_the_question_waits_on() -> None:
    chat = Chat()
    chat.says("试驾")
    assert chat.says("多少钱") == ["99"]
    assert chat.says("SUV") == ["怎么称呼您？"]
    assert chat.says("地址") == ["99"]  # word for word
    assert chat.says("多少钱小姐") == ["留个手机号吧"]  # any text is a name
    assert chat.says("12345") == ["请输入 11 位手机号"]


@pytest.mark.parametrize("text", ["取消", "算了。", "退出"])
def test_a_fan_may_leave(text: str) -> None:
    chat = Chat()
    chat.says("试驾")
    assert chat.says(text) == ["好的，已取消。"]
    assert chat.talk.flow is None


def test_a_wish_for_a_person_ends_it() -> None:
    chat = Chat()
    chat.says("试驾")
    chat.says("人工")
    assert (chat.talk.owner, chat.talk.flow) == ("person", None)


def test_a_fan_who_is_silent_for_long_has_left() -> None:
    chat = Chat()
    chat.says("试驾")
    assert chat.says("2", after=timedelta(minutes=30)) == ["稍后"]
    assert chat.talk.flow is None


def test_the_same_words_again_start_no_second_flow() -> None:
    chat = Chat()
    chat.says("试驾")
    chat.says("2")
    chat.says("王女士")
    assert chat.says("我要试驾") == ["欢迎试驾", "留个手机号吧"]
    assert chat.talk.flow is not None
    assert chat.talk.flow.answers == (("model", "dm_2"), ("name", "dm_3"))


def test_another_flow_takes_the_place_of_the_first() -> None:
    other = contains("repair", "保养", effects=(replace(FLOW, steps=FLOW.steps[2:]),))
    chat = Chat(*RULES, other)
    chat.says("试驾")
    assert chat.says("预约保养") == ["99", "留个手机号吧"]
    assert chat.talk.flow is not None
    assert chat.talk.flow.rule_id == "repair"


def test_a_rule_that_is_gone_asks_nothing_more() -> None:
    chat = Chat()
    chat.says("试驾")
    chat.rules = (PRICE, DEFAULT)
    assert chat.says("2") == ["稍后"]


def test_a_refused_question_was_not_asked_and_a_refused_end_is_still_one() -> None:
    chat = Chat()
    chat.says("试驾")
    assert chat.last is not None
    assert withdraw(chat.last.after, chat.last).flow is None
    chat.says("2")
    chat.says("王女士")
    chat.says("13800138000")
    assert withdraw(chat.last.after, chat.last).flow is None


def test_a_decision_within_a_flow_is_decided_the_same_again() -> None:
    chat = Chat()
    chat.says("试驾")
    chat.says("2")
    assert chat.last is not None
    record = orjson.loads(orjson.dumps(record_of(chat.last)))
    again = decide_again(record, "2", compile_rules(7, RULES), POLICY)
    assert (again.items, again.after) == (chat.last.items, chat.last.after)


def test_a_flow_is_stored_and_read_the_same() -> None:
    definition = DRIVE.definition
    assert load_definition(orjson.loads(orjson.dumps(dump_definition(definition)))) == definition
    assert load_flow({"steps": [{"field": "a", "question": "b"}], "done": "c"}).tries == 2


def broken(**changed: Any) -> list[str]:
    flow = replace(FLOW, **changed)
    definition = contains("x", "好", effects=(flow,)).definition
    return [fault.pointer for fault in faults(definition, POLICY)]


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"steps": ()}, "/steps"),
        ({"steps": (Step("", "问"),)}, "/steps/0/field"),
        ({"steps": (Step("a", "x" * 301),)}, "/steps/0/question"),
        ({"steps": (Step("a", "看 https://example.com"),)}, "/steps/0/question"),
        ({"steps": (Step("a", "问", hint=" "),)}, "/steps/0/hint"),
        ({"steps": (Step("a", "问", Expects.CHOICE),)}, "/steps/0/choices"),
        ({"steps": (Step("a", "问", choices=(Choice("x"), Choice("y"))),)}, "/steps/0/choices"),
        (
            {"steps": (Step("a", "问", Expects.CHOICE, (Choice("x", 0), Choice("y"))),)},
            "/steps/0/choices/0/then",
        ),
        (
            {"steps": (Step("a", "问", Expects.CHOICE, (Choice(" "), Choice("y"))),)},
            "/steps/0/choices/0/label",
        ),
        ({"expires_minutes": 1441}, "/expires_minutes"),
        ({"tries": 0}, "/tries"),
        ({"done": " "}, "/done"),
    ],
)
def test_a_flow_that_cannot_be_held_is_refused(changed: dict[str, Any], pointer: str) -> None:
    assert f"#/effects/0{pointer}" in broken(**changed)


def test_a_flow_needs_room_for_its_question_and_stands_alone() -> None:
    full = contains("x", "好", replies=(TextReply("1"),) * 3, effects=(FLOW,)).definition
    two = contains("x", "好", effects=(FLOW, FLOW)).definition
    over = contains("x", "好", effects=(FLOW,), hand_off=True).definition
    assert "#/replies" in [fault.pointer for fault in faults(full, POLICY)]
    assert [fault.pointer for fault in faults(two, POLICY)] == ["#/effects"]
    assert [fault.pointer for fault in faults(over, POLICY)] == ["#/effects"]


def test_a_late_answer_of_a_step_that_was_taken_away_is_no_answer() -> None:
    talk: Conversation = replace(TALK, flow=Waiting("drive", 7, NOW))
    inbound = Inbound(Trigger.MESSAGE, "dm_1", "@m", "2", NOW)
    decision = decide(a_case(inbound, DRIVE, conversation=talk))
    assert (decision.outcome, decision.after.flow) == (Outcome.NO_MATCH, None)
