"""What other rules would have made of what fans did before, message by message.

Each message is decided again as it stood then: the conversation, the fan and the policy of that time are in
the record. What another answer would have changed for the messages after it is not played out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from services.direct_messages.domain.cases import Decision
from services.direct_messages.domain.conditions import ALWAYS
from services.direct_messages.domain.matching import compile_rules
from services.direct_messages.domain.records import record_of
from services.direct_messages.domain.rules import Match, Rule, Trigger

_MOST_EXAMPLES: Final = 20  # of each change
_TRIGGERS: Final = {
    "page_entered": Trigger.ENTER,
    "followed": Trigger.FOLLOW,
    "retain_consult_card": Trigger.LEAD,
    "no_answer": Trigger.NO_ANSWER,
}
_JUDGED: Final = ("outcome", "rule_id", "items", "owner", "owner_reason")


class Change(StrEnum):
    """How an answer would have been another one."""

    GAINED = "gained"  # nothing was sent, now something would be
    LOST = "lost"
    CHANGED = "changed"  # other words, another rule, notice to webhooks or stage of the lead
    OTHERWISE = "otherwise"  # nothing is sent by either, for another reason


@dataclass(slots=True)
class Tally:
    """The result so far. Sums and a few examples: it does not grow with what was read."""

    done: int = 0
    differ: int = 0
    gained: int = 0
    lost: int = 0
    changed: int = 0
    otherwise: int = 0
    hand_offs_gained: int = 0
    hand_offs_lost: int = 0
    items_before: int = 0  # of the messages that differ: what quota would have been asked for
    items_after: int = 0
    mismatches: int = 0  # of records that were decided again
    examples: list[dict[str, Any]] = field(default_factory=list)

    def note(self, message_id: str, before: Decision, after: Decision) -> None:
        """Count the two decisions on one message."""
        change = _change(before, after)
        if change is None:
            return
        self.differ += 1
        setattr(self, change.value, getattr(self, change.value) + 1)
        self.items_before += len(before.items)
        self.items_after += len(after.items)
        self.hand_offs_gained += _hands_over(after) and not _hands_over(before)
        self.hand_offs_lost += _hands_over(before) and not _hands_over(after)
        if sum(e["change"] == change.value for e in self.examples) < _MOST_EXAMPLES:
            shown = {"before": _shown(before), "after": _shown(after)}
            self.examples.append({"message_id": message_id, "change": change.value, **shown})

    def check(self, message_id: str, stored: Mapping[str, Any], again: Decision) -> None:
        """Count a record that was decided again, and whether the same came out."""
        made = record_of(again)
        if any(stored[name] != made[name] for name in _JUDGED):
            self.mismatches += 1
            if len(self.examples) < _MOST_EXAMPLES:
                shown = {
                    "before": {name: stored[name] for name in ("outcome", "rule_id", "items")},
                    "after": _shown(again),
                }
                self.examples.append({"message_id": message_id, "change": "mismatch", **shown})


def _shown(decision: Decision) -> dict[str, Any]:
    rule = decision.rule.id if decision.rule else None
    return {"outcome": decision.outcome.value, "rule_id": rule, "items": len(decision.items)}


def _hands_over(decision: Decision) -> bool:
    before, after = decision.case.conversation, decision.after
    return after.owner is not before.owner and after.owner == "person"


def _change(before: Decision, after: Decision) -> Change | None:
    if (before.outcome, before.items) == (after.outcome, after.items):
        same_rule = (before.rule and before.rule.id) == (after.rule and after.rule.id)
        told = (before.notice, before.stage) == (after.notice, after.stage)
        same_rule = same_rule and told
        return None if same_rule and _hands_over(before) is _hands_over(after) else Change.CHANGED
    if before.items and after.items:
        return Change.CHANGED
    if after.items:
        return Change.GAINED
    return Change.LOST if before.items else Change.OTHERWISE


class Screen:
    """Tells at a glance which messages two rule sets decide alike, so that only the others are decided.

    It errs to one side only: what it lets through may turn out alike.
    """

    def __init__(self, before: Iterable[Rule], after: Iterable[Rule]) -> None:
        was, becomes = {r.id: r for r in before}, {r.id: r for r in after}
        names = was.keys() | becomes.keys()
        changed = [name for name in names if not _alike(was.get(name), becomes.get(name))]
        states = [rules[name] for name in changed for rules in (was, becomes) if name in rules]
        self._touched = compile_rules(0, states)
        self._before = compile_rules(0, was.values())
        self._triggers = {rule.definition.trigger for rule in states if rule.fires}
        self._beneath = Trigger.DEFAULT in self._triggers or any(
            rule.definition.match is Match.ANY for rule in states if rule.fires
        )

    def lets_through(self, kind: str, text: str | None) -> bool:
        """Whether the message may be decided otherwise."""
        trigger = _TRIGGERS.get(kind)
        if trigger is not None:
            falls = trigger is Trigger.LEAD and self._beneath
            return falls or trigger in self._triggers
        if text is None:
            return self._beneath
        if self._touched.matches(text):
            return True
        return self._beneath and not any(
            found.rule.definition.conditions is ALWAYS for found in self._before.matches(text)
        )


def _alike(one: Rule | None, other: Rule | None) -> bool:
    if one is None or other is None:
        fires = one or other
        return fires is None or not fires.fires
    if not one.fires and not other.fires:
        return True
    return (one.definition, one.paused, one.place) == (other.definition, other.paused, other.place)
