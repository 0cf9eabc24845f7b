"""The judges of menus, flows and hand-offs: a story without a mistake has no complaint, each mistake has its own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.faults import people_checks
from tests.faults.callers import Told, Written
from tests.faults.checks import Facts
from tests.faults.stories import PHONE
from tests.faults.tenants import OTHER
from tests.faults.traffic import HANDS_OVER, History, say

NOTICE = "客服正忙，您前面还有 2 位，我们会尽快回复您。"


@dataclass
class Case:
    """One guest left a number; another asked for a person, spoke to her, and was given back."""

    history: History = field(default_factory=History)
    told: Told = field(default_factory=Told)
    sent: list[dict[str, Any]] = field(default_factory=list)
    stories: dict[str, dict[str, Any]] = field(default_factory=dict)
    touches: list[dict[str, Any]] = field(default_factory=list)
    leads: list[dict[str, Any]] = field(default_factory=list)
    stays: list[dict[str, Any]] = field(default_factory=list)

    def says(self, fan: str, rule: str, number: int, outcome: str) -> str:
        said = say(fan, rule, "t", number, OTHER)
        message_id = said.inbound.message_id
        self.history.said[message_id] = said
        self.history.acknowledged[message_id] = float(number)
        self.stories[message_id] = {"outcome": outcome}
        return message_id

    def complaints(self) -> list[str]:
        facts = Facts(self.history, self.sent, self.stories, Written(), self.told)
        return [
            *people_checks.every_lead_once(facts, self.touches, self.leads),
            *people_checks.bot_and_person_apart(facts),
            *people_checks.every_hand_off_once(facts, self.stays),
        ]


def right() -> Case:
    case = Case()
    left = case.says("anna", PHONE, 1, "replied")
    case.told.phones[left] = "anna"
    case.touches.append({"message_id": left, "touches": 1})
    case.leads.append({"open_id": "anna", "leads": 1})
    case.says("berta", HANDS_OVER, 2, "replied")
    case.told.hushed.add(case.says("berta", "打招呼", 3, "person_owns"))
    case.told.freed.add(case.says("berta", "打招呼", 4, "replied"))
    case.stays.append({"fan_open_id": "berta", "stays": 1, "open": 0})
    case.sent.append({"to_user_id": "berta", "content": {"text": {"text": NOTICE}}})
    return case


def lost_lead(case: Case) -> None:
    case.touches[0]["touches"] = 0


def doubled_touch(case: Case) -> None:
    case.touches[0]["touches"] = 2


def two_leads(case: Case) -> None:
    case.leads[0]["leads"] = 2


def bot_spoke_between(case: Case) -> None:
    (hushed,) = case.told.hushed
    case.stories[hushed]["outcome"] = "replied"


def bot_stayed_silent(case: Case) -> None:
    (freed,) = case.told.freed
    case.stories[freed]["outcome"] = "person_owns"


def nobody_called(case: Case) -> None:
    case.stays.clear()
    case.sent.clear()


def two_places_in_the_queue(case: Case) -> None:
    case.stays[0]["open"] = 2


def told_twice(case: Case) -> None:
    case.sent.append(case.sent[0])


def test_a_story_as_it_should_be_has_no_complaint() -> None:
    assert right().complaints() == []


@pytest.mark.parametrize(
    ("mistake", "complaint"),
    [
        (lost_lead, "I1 the number that anna left is in 0 leads"),
        (doubled_touch, "I2 the number that anna left is in 2 leads"),
        (two_leads, "I2 anna became 2 leads"),
        (bot_spoke_between, "I10 the bot decided replied"),
        (bot_stayed_silent, "was said to the bot, and it was silent"),
        (nobody_called, "I1 berta asked for a person, and nobody was called"),
        (two_places_in_the_queue, "I2 berta waits 2 times"),
        (told_twice, "I2 berta was told 2 times of the queue"),
    ],
)
def test_each_mistake_is_named(mistake: Callable[[Case], None], complaint: str) -> None:
    case = right()
    mistake(case)
    assert len(found := case.complaints()) == 1
    assert complaint in found[0]
