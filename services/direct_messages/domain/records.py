"""The record of a decision: everything that is needed to decide it again, for ever."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.direct_messages.domain.cases import Case, Decision, FanFacts, Inbound, Wait
from services.direct_messages.domain.choosing import firing
from services.direct_messages.domain.conditions import Tier
from services.direct_messages.domain.conversations import (
    Conversation,
    Owner,
    Reason,
    Source,
    Starter,
)
from services.direct_messages.domain.decisions import decide
from services.direct_messages.domain.flows import load_waiting
from services.direct_messages.domain.matching import Candidate, CompiledRules
from services.direct_messages.domain.menus import Way
from services.direct_messages.domain.policy import Policy
from services.direct_messages.domain.precedence import Step
from services.direct_messages.domain.rules import Trigger
from services.direct_messages.domain.texts import Form

_TRACED = 20  # candidates that a trace lists; the rest is a number


def record_of(decision: Decision) -> dict[str, Any]:
    """The record, of values that JSON can hold. The text stays in the message and nowhere else."""
    case, inbound = decision.case, decision.case.inbound
    return {
        "decided_at": case.now,
        "seed": case.seed,
        "rule_set_version": case.rules.version,
        "policy_version": case.policy.version,
        "form": case.rules.form,
        "inbound": {
            "trigger": inbound.trigger,
            "message_id": inbound.message_id,
            "platform_id": inbound.platform_id,
            "at": inbound.at,
            "epoch": inbound.epoch,
            "kind": inbound.kind,
            "joins": inbound.joins,
            "is_part": inbound.is_part,
            **({"wait": inbound.wait} if inbound.wait else {}),
            **({"source": inbound.source} if inbound.source else {}),
        },
        "fan": case.facts,
        "conversation": case.conversation,
        "outcome": decision.outcome,
        "rule_id": decision.rule.id if decision.rule else None,
        "items": len(decision.items),
        "owner": decision.after.owner,
        "owner_reason": decision.after.owner_reason,
        "context": decision.context,
        "called_by": way_of(decision),
        "candidates": trace_of(decision),
        "candidates_total": len(decision.found),
    }


def way_of(decision: Decision) -> Way | None:
    """How the entry of the menu that fired was called; None: none did, or a flow of it goes on."""
    first = firing(decision.found)
    return first.way if first is not None and first.rule is decision.rule else None


def form_of(record: Mapping[str, Any]) -> Form:
    """How texts were compared when it was decided; the rules of that time are compiled in it."""
    return Form(record.get("form", Form.PLAIN))


def case_of(
    record: Mapping[str, Any], text: str | None, rules: CompiledRules, policy: Policy
) -> Case:
    """The inputs from a stored record (times as text), with these rules and the policy of that time.

    `text` is what was decided on: also the words of the messages that it joins.
    """
    inbound, fan = record["inbound"], record["fan"]
    return Case(
        inbound=Inbound(
            trigger=Trigger(inbound["trigger"]),
            message_id=inbound["message_id"],
            platform_id=inbound["platform_id"],
            text=text,
            at=datetime.fromisoformat(inbound["at"]),
            epoch=inbound["epoch"],
            kind=inbound.get("kind", "text"),
            joins=tuple(inbound.get("joins", ())),
            source=_source(inbound.get("source")),
            wait=_wait(inbound.get("wait")),
            is_part=inbound.get("is_part", False),
        ),
        conversation=_conversation(record["conversation"]),
        facts=_facts(fan),
        rules=rules,
        policy=policy,
        now=datetime.fromisoformat(record["decided_at"]),
        seed=record["seed"],
    )


def decide_again(
    record: Mapping[str, Any], text: str | None, rules: CompiledRules, policy: Policy
) -> Decision:
    """The decision from its stored record and the rules and policy of that time."""
    return decide(case_of(record, text, rules, policy))


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _facts(stored: Mapping[str, Any]) -> FanFacts:
    tier = stored.get("tier")
    observed_at = _time(stored["observed_at"])
    return FanFacts(stored["follows"], observed_at, stored["epoch"], Tier(tier) if tier else None)


def _source(stored: str | None) -> Source | None:
    return Source(stored) if stored else None


def _wait(stored: Mapping[str, Any] | None) -> Wait | None:
    if stored is None:
        return None
    return Wait(datetime.fromisoformat(stored["since"]), stored["asked"], stored["minutes"])


def _conversation(stored: Mapping[str, Any]) -> Conversation:
    times = {
        name: _time(value)
        for name, value in stored.items()
        if name.endswith(("_at", "_since")) and not isinstance(value, list)
    }
    lists = {
        name: tuple(datetime.fromisoformat(time) for time in stored[name])
        for name in ("inbound_at", "auto_sent_at")
    }
    reason = stored["owner_reason"]
    kinds = {
        "owner": Owner(stored["owner"]),
        "owner_reason": Reason(reason) if reason else None,
        "started_by": Starter(stored.get("started_by", Starter.FAN)),
        "source": _source(stored.get("source")),
        "tags": tuple(stored.get("tags", ())),
        "flow": load_waiting(stored.get("flow")),
    }
    return Conversation(**{**stored, **times, **lists, **kinds})


def trace_of(decision: Decision) -> list[dict[str, Any]]:
    """Which rules matched, in order, and why each but the one that fired lost."""
    first = firing(decision.found)
    return [
        {
            "rule_id": candidate.rule.id,
            "step": candidate.step.name.lower(),
            "found": candidate.found,
            "lost": _why(candidate, first, decision),
        }
        for candidate in decision.found[:_TRACED]
    ]


def _why(candidate: Candidate, first: Candidate | None, decision: Decision) -> str | None:
    if candidate.fails is not None:
        return f"condition:{candidate.fails}"
    if first is None or candidate is first:
        fired = decision.rule is candidate.rule
        return None if fired else str(decision.outcome)
    if candidate.step is not first.step:
        return "earlier_step"
    if candidate.key[1] != first.key[1]:
        return "earlier_step" if candidate.step is Step.HAND_OFF else "longer_match"
    if candidate.rule.definition.priority != first.rule.definition.priority:
        return "higher_priority"
    return "older_rule"
