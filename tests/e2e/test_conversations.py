"""Conversations written as data, played over the real wire: every part of a rule, message by message."""

import asyncio
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from services.direct_messages.api.grammar import RuleIn, definition_of
from services.direct_messages.domain.conditions import Conditions, Hours, OpenWindow, Tier
from services.direct_messages.domain.conversations import Reason, Source, Starter
from services.direct_messages.domain.effects import Effect, LeadStage, SetStage
from services.direct_messages.domain.flows import Expects, StartFlow
from services.direct_messages.domain.items import MenuReply, Reply
from services.direct_messages.domain.precedence import Step, step_of
from services.direct_messages.domain.rules import Match, MessageKind, Mode, Rule, Trigger
from tests.e2e.house import House
from tests.e2e.playing import play_all
from tests.e2e.script import read_shops

SHOPS = read_shops()
TALKS = [(name, talk.name) for name, shop in SHOPS.items() for talk in shop.conversations]
FIRING = [
    definition_of(RuleIn.model_validate(rule))
    for shop in SHOPS.values()
    for rule in shop.rules
    if rule["name"] in shop.fired()
]
UNMET = {
    condition
    for shop in SHOPS.values()
    for talk in shop.conversations
    for step in talk.steps
    for condition in step.unmet.values()
}
STAGES = [e for rule in FIRING for e in rule.effects if isinstance(e, SetStage)]
FLOWS = [e for rule in FIRING for e in rule.effects if isinstance(e, StartFlow)]
CALLS = {  # a person, on what a fan says
    *(Reason.HAND_OFF_RULE, Reason.HAND_OFF_WORD, Reason.NEGATIVE, Reason.MISSES),
    *(Reason.LOOP_GUARD, Reason.VIP, Reason.LEAD, Reason.MENU),
}
ASKED = [step for flow in FLOWS for step in flow.steps]


@pytest.fixture(scope="module")
def played(house: House) -> dict[tuple[str, str], str]:
    """Everything, played once by one running system."""
    return asyncio.run(play_all(house, SHOPS))


@pytest.mark.parametrize("talk", TALKS, ids=lambda talk: f"{talk[0]}: {talk[1]}")
def test_it_goes_as_written(played: dict[tuple[str, str], str], talk: tuple[str, str]) -> None:
    assert not played[talk], played[talk]


def test_there_are_sixty_and_each_has_its_name() -> None:
    assert len(set(TALKS)) == len(TALKS) >= 60


def met(condition: str) -> set[Any]:
    """What rules that fire ask of a condition."""
    return {getattr(rule.conditions, condition) for rule in FIRING} - {None, ()}


PARTS: dict[str, tuple[set[Any], set[Any]]] = {
    "triggers": (set(Trigger), {rule.trigger for rule in FIRING}),
    "matches": (set(Match), {rule.match for rule in FIRING if rule.match}),
    "kinds of messages": (set(MessageKind), {kind for rule in FIRING for kind in rule.kinds}),
    "modes": (set(Mode), {rule.mode for rule in FIRING}),
    "items": (set(get_args(Reply)), {type(reply) for rule in FIRING for reply in rule.replies}),
    "effects": (set(get_args(Effect)), {type(one) for rule in FIRING for one in rule.effects}),
    "stages": (set(LeadStage), {one.stage for one in STAGES}),
    "answers": (set(Expects), {step.expects for step in ASKED}),
    "hours": (set(Hours), met("hours")),
    "windows": (set(OpenWindow), met("window")),
    "starters": (set(Starter), met("started_by")),
    "tiers": (set(Tier), {tier for asked in met("tiers") for tier in asked}),
    "sources": (set(Source), {one for asked in met("sources") for one in asked}),
    "follow states": ({True, False}, met("follows")),
    "contacts": ({True, False}, met("first_contact")),
}


@pytest.mark.parametrize("parts", PARTS)
def test_every_part_of_a_rule_that_exists_is_played(parts: str) -> None:
    exist, are_played = PARTS[parts]
    assert exist - are_played == set()


def test_every_condition_holds_somewhere_and_elsewhere_does_not() -> None:
    names = {field.name for field in fields(Conditions)}
    assert {name for name in names if not met(name)} == set()
    # on which side of a share a fan is, nobody knows beforehand: one of two rules fires
    assert names - UNMET == {"share"}


def test_every_step_of_precedence_fires() -> None:
    began = datetime(2026, 1, 1, tzinfo=UTC)
    fired = {step_of(Rule("rule_1", 1, began, began, rule)) for rule in FIRING}
    assert set(Step) - fired == set()


def test_menus_are_shown_in_every_form_and_flows_skip_and_end() -> None:
    shown = {r.form for rule in FIRING for r in rule.replies if isinstance(r, MenuReply)}
    assert shown == {"card", "text"}
    assert {choice.then for step in ASKED for choice in step.choices} >= {None, -1, 2}
    assert any(step.hint for step in ASKED)


def test_everything_that_calls_a_person_is_played() -> None:
    steps = [step for shop in SHOPS.values() for talk in shop.conversations for step in talk.steps]
    assert CALLS - {step.reason for step in steps if step.is_decided} == set()


def test_sends_of_one_two_and_three_items_are_played() -> None:
    counts = {
        len(step.sends)
        for shop in SHOPS.values()
        for talk in shop.conversations
        for step in talk.steps
    }
    assert counts == {0, 1, 2, 3}
