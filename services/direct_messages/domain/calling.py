"""What calls a person, besides misses, quota and time: words, rules, a lead card, a fan who matters.

Each is switched by the account's policy. A policy from before these keys decides as it did then.
"""

from dataclasses import replace
from typing import Final

from services.direct_messages.domain import conversations
from services.direct_messages.domain.cases import Decision, Outcome
from services.direct_messages.domain.conversations import Owner, Reason
from services.direct_messages.domain.matching import asks_for_person
from services.direct_messages.domain.policy import PeoplePolicy
from services.direct_messages.domain.rules import Rule, Trigger
from services.direct_messages.domain.texts import Reading

_WITHOUT_ANSWER: Final = {Outcome.NO_MATCH, Outcome.DEFAULT_WAITS, Outcome.SILENT}


def by_words(said: Reading, people: PeoplePolicy) -> Reason | None:
    """Why what was said is for a person, before any rule; None: it is not."""
    if asks_for_person(said):
        return Reason.HAND_OFF_WORD
    if any(word in said.words for word in people.negative_words):
        return Reason.NEGATIVE
    return None


def by_rule(rule: Rule, people: PeoplePolicy) -> Reason:
    """As what a rule hands over."""
    is_entry = people.from_menu and rule.definition.trigger is Trigger.MENU
    return Reason.MENU if is_entry else Reason.HAND_OFF_RULE


def beside(decision: Decision) -> Decision:
    """The decision on a message, with a person called whatever answers it; the answer still goes out."""
    reason = _reason(decision)
    if reason is None:
        return decision
    after = conversations.hand_over(decision.after, Owner.PERSON, reason, decision.case.now)
    is_all = decision.outcome in _WITHOUT_ANSWER
    return replace(
        decision, after=after, outcome=Outcome.HANDED_OVER if is_all else decision.outcome
    )


def _reason(decision: Decision) -> Reason | None:
    people, after = decision.case.policy.people, decision.after
    if after.owner is Owner.PERSON:
        return None
    if after.tags and not people.vip_tags.isdisjoint(after.tags):
        return Reason.VIP
    if decision.case.facts.tier in people.vip_tiers:
        return Reason.VIP
    is_card = decision.case.inbound.trigger is Trigger.LEAD
    return Reason.LEAD if is_card and people.lead_card else None
