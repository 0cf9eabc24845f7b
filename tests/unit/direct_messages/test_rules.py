"""Which rules may be saved."""

import json
from typing import Any

import pytest

from services.direct_messages.domain.checking import faults
from services.direct_messages.domain.effects import LeadStage, SetStage
from services.direct_messages.domain.items import TextReply
from services.direct_messages.domain.policy import policy_of
from services.direct_messages.domain.rules import (
    Match,
    Mode,
    Trigger,
    dump_definition,
    load_definition,
)
from tests.unit.direct_messages.cases import POLICY, VALUES, a_definition

OK = (TextReply("好"),)
FAULTS: list[tuple[dict[str, Any], str | None]] = [
    ({}, None),
    ({"keywords": ()}, "#/keywords"),
    ({"keywords": ("x",) * 11}, "#/keywords"),
    ({"keywords": ("x",) * 10}, None),
    ({"keywords": ("长" * 30,)}, None),
    ({"keywords": ("好", "长" * 31)}, "#/keywords/1"),
    ({"keywords": (" \u3000",)}, "#/keywords/0"),
    ({"match": None}, "#/match"),
    ({"pattern": "x"}, "#/pattern"),
    ({"match": Match.RE2, "pattern": "x+"}, None),
    ({"match": Match.RE2, "pattern": None}, "#/pattern"),
    ({"match": Match.RE2, "pattern": "x", "keywords": ("x",)}, "#/keywords"),
    ({"match": Match.RE2, "pattern": r"(x)\1"}, "#/pattern"),
    ({"match": Match.RE2, "pattern": "x" * 257}, "#/pattern"),
    ({"trigger": Trigger.ENTER}, None),
    ({"trigger": Trigger.ENTER, "keywords": ("x",)}, "#/trigger"),
    ({"trigger": Trigger.NO_ANSWER, "after_minutes": 1439}, None),
    ({"trigger": Trigger.NO_ANSWER, "after_minutes": 1440}, "#/after_minutes"),
    ({"trigger": Trigger.NO_ANSWER, "after_minutes": 0}, "#/after_minutes"),
    ({"trigger": Trigger.NO_ANSWER}, "#/after_minutes"),
    ({"after_minutes": 5}, "#/after_minutes"),
    ({"effects": (SetStage(LeadStage.CONFIRMED),)}, None),
    ({"effects": (SetStage(LeadStage.LOST),)}, "#/effects/0/reason"),
    ({"effects": (SetStage(LeadStage.WON, "x"),)}, "#/effects/0/reason"),
    ({"effects": (SetStage(LeadStage.INVALID, "x"),)}, None),
    ({"effects": (SetStage(LeadStage.WON), SetStage(LeadStage.NURTURE))}, "#/effects"),
    ({"replies": ()}, "#/replies"),
    ({"replies": OK * 3}, None),
    ({"replies": OK * 4}, "#/replies"),
    ({"replies": OK * 5, "mode": Mode.RANDOM_ONE}, None),
    ({"replies": OK * 6, "mode": Mode.RANDOM_ONE}, "#/replies"),
    ({"replies": (TextReply("长" * 300),)}, None),
    ({"replies": (*OK, TextReply("长" * 301))}, "#/replies/1/text"),
    ({"replies": (TextReply("  "),)}, "#/replies/0/text"),
    ({"replies": (TextReply("见 http://example.com"),)}, "#/replies/0/text"),
    ({"replies": (TextReply("见 https://v.douyin.com/x"),)}, None),
]


@pytest.mark.parametrize(("changed", "pointer"), FAULTS)
def test_a_fault_is_named_by_its_place(changed: dict[str, Any], pointer: str | None) -> None:
    found = [fault.pointer for fault in faults(a_definition(**changed), POLICY)]
    assert found[:1] == ([pointer] if pointer else [])


def test_the_numbers_come_from_the_policy() -> None:
    values = VALUES | {"dm.auto_reply.keywords_per_rule": 2, "dm.auto_reply.items_per_firing": 1}
    strict = policy_of(2, values)
    found = faults(a_definition(keywords=("a", "b", "c"), replies=OK * 2), strict)
    assert [fault.pointer for fault in found] == ["#/keywords", "#/replies"]


@pytest.mark.parametrize("key", VALUES)
def test_a_policy_without_one_of_the_keys_is_refused(key: str) -> None:
    with pytest.raises(KeyError):
        policy_of(1, {k: v for k, v in VALUES.items() if k != key})


def test_what_is_stored_brings_the_definition_back() -> None:
    stages = (SetStage(LeadStage.LOST, "不再需要"), SetStage(LeadStage.WON))
    made = a_definition(
        match=Match.RE2, pattern="x", mode=Mode.RANDOM_ONE, replies=OK * 2, effects=stages
    )
    stored = json.loads(json.dumps(dump_definition(made)))
    assert load_definition(stored) == made
