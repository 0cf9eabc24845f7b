"""Values that the tests of the domain share."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.direct_messages.domain.cases import Case, FanFacts, Inbound, Wait
from services.direct_messages.domain.conversations import Conversation
from services.direct_messages.domain.items import TextReply
from services.direct_messages.domain.matching import CompiledRules, compile_rules
from services.direct_messages.domain.policy import Policy, policy_of
from services.direct_messages.domain.rules import (
    Definition,
    Match,
    Mode,
    Rule,
    Trigger,
)

NOW = datetime(2024, 2, 10, 4, 0, tzinfo=UTC)
VALUES: dict[str, Any] = {
    "dm.reply.msg_id_valid_hours": 24,
    "dm.enter.window_seconds": 30,
    "dm.text.max_chars": 1000,
    "dm.text.external_links": False,
    "dm.question_card.title_max_chars": 30,
    "dm.question_card.questions_max": 6,
    "dm.question_card.question_max_chars": 14,
    "dm.rules.max_per_account": 200,
    "crm.max_tags_per_contact": 5,
    "dm.auto_reply.text_max_chars": 300,
    "dm.auto_reply.keywords_per_rule": 10,
    "dm.auto_reply.keyword_max_chars": 30,
    "dm.auto_reply.replies_per_rule": 5,
    "dm.auto_reply.items_per_firing": 3,
    "dm.auto_reply.default_interval_hours": 24,
    "dm.auto_reply.greeting_interval_hours": 24,
    "dm.auto_reply.follow_reply_days": 30,
    "dm.handoff.agent_idle_minutes": 15,
    "dm.handoff.accept_seconds": 60,
    "dm.handoff.agent_capacity": 8,
    "dm.handoff.sticky_days": 30,
    "dm.handoff.close_hours": 24,
    "sla.response_seconds": 1800,
    "sla.warn_seconds": 1200,
    "sla.owner_seconds": 3600,
    "sla.pool_hours": 24,
    "sla.target_rate": 0.95,
    "dm.menu.level1_max": 3,
    "dm.menu.level1_label": 4,
    "dm.menu.level2_max": 5,
    "dm.menu.level2_label": 8,
    "dm.loop_guard": {"sends": 6, "inbound": 10, "seconds": 60},
}
POLICY: Policy = policy_of(1, VALUES)
TALK = Conversation("org_1", "acc_1", "conv_1", "fan_1", "@conv1==", 1, NOW - timedelta(days=1))


def a_definition(**changed: Any) -> Definition:
    """A rule that answers "price" to every message with 多少钱, with changes."""
    fields: dict[str, Any] = {
        "name": "price",
        "trigger": Trigger.MESSAGE,
        "match": Match.CONTAINS,
        "keywords": ("多少钱",),
        "pattern": None,
        "mode": Mode.ALL,
        "replies": (TextReply("99"),),
        "hand_off": False,
        "priority": 0,
        "enabled": True,
    }
    if changed.get("trigger", Trigger.MESSAGE) is not Trigger.MESSAGE:
        fields |= {"match": None, "keywords": ()}
    if changed.get("match") is Match.RE2:
        fields |= {"keywords": ()}
    return Definition(**(fields | changed))


def a_rule(name: str, *, age: int = 0, **changed: Any) -> Rule:
    """A rule of that id, `age` days old."""
    made = NOW - timedelta(days=age)
    return Rule(name, 1, made, made, a_definition(name=name, **changed))


def contains(name: str, *words: str, **changed: Any) -> Rule:
    """A rule that looks for words."""
    return a_rule(name, match=Match.CONTAINS, keywords=words, **changed)


def exact(name: str, *words: str, **changed: Any) -> Rule:
    """A rule for these words and nothing else."""
    return a_rule(name, match=Match.EXACT, keywords=words, **changed)


def pattern(name: str, text: str, **changed: Any) -> Rule:
    """A rule with an RE2 pattern."""
    return a_rule(name, match=Match.RE2, pattern=text, **changed)


def on(trigger: Trigger, name: str = "", **changed: Any) -> Rule:
    """A rule for another trigger."""
    return a_rule(name or trigger.value, trigger=trigger, **changed)


def compiled(*rules: Rule) -> CompiledRules:
    """A rule set."""
    return compile_rules(7, rules)


def a_message(text: str | None, at: datetime = NOW, number: int = 1) -> Inbound:
    """A fan writes."""
    return Inbound(Trigger.MESSAGE, f"dm_{number}", f"@msg{number}==", text, at)


def an_entry(at: datetime = NOW) -> Inbound:
    """A fan opens the page."""
    return Inbound(Trigger.ENTER, "dm_e", "@enter==", None, at)


def a_follow(epoch: int, at: datetime = NOW) -> Inbound:
    """A fan follows."""
    return Inbound(Trigger.FOLLOW, "dm_f", None, None, at, epoch)


def a_case(inbound: Inbound, *rules: Rule, **changed: Any) -> Case:
    """The inputs of a decision, with changes."""
    fields: dict[str, Any] = {
        "inbound": inbound,
        "conversation": TALK,
        "facts": FanFacts(),
        "rules": compiled(*rules),
        "policy": POLICY,
        "now": NOW,
        "seed": "evt_1",
    }
    return Case(**(fields | changed))


def a_wait(minutes: int, asked: int = 0, at: datetime = NOW) -> Inbound:
    """A fan has had no answer for so long."""
    wait = Wait(at - timedelta(minutes=minutes), asked, minutes)
    return Inbound(Trigger.NO_ANSWER, "dm_w", None, None, at, wait=wait)
