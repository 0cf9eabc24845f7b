"""What organizations may hear: the map from events between services to webhooks, one entry a type.

Only what stands in `facts` leaves: ids, words of ours and times. Contacts, texts and names of fans stay here;
a link names the call that shows them to a key that may see them.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class EventType(StrEnum):
    """The types of webhooks."""

    RULE_NOTIFIED = "dm.rule_notified"
    LEAD_CAPTURED = "dm.lead_captured"
    HAND_OFF_CHANGED = "dm.hand_off_changed"
    SLA_WARNED = "dm.sla_warned"
    SLA_BREACHED = "dm.sla_breached"
    RULE_PAUSED = "dm.rule_paused"
    LEAD_CHANGED = "lead.changed"
    AUTHORISATION_NEEDED = "account.authorisation_needed"
    ENDPOINT_TROUBLED = "webhook.endpoint_troubled"


TEST: Final = "webhook.test"  # asked for, and sent to the one endpoint that is tested


@dataclass(frozen=True, slots=True)
class Entry:
    """A type of webhook: when it comes, which facts of the event it carries, and where to ask for more."""

    type: EventType
    comes: str
    facts: tuple[str, ...]
    links: Mapping[str, str]  # name → path, with names of facts in braces


_NAMES: Final = re.compile(r"{(\w+)}")
_CONVERSATION: Final = "/v1/conversations/{conversation_id}"
_MESSAGE: Final = "/v1/messages/{message_id}/decision"

CATALOGUE: Final[Mapping[str, Entry]] = {
    "direct_messages.rule_notified": Entry(
        EventType.RULE_NOTIFIED,
        "A rule with the effect `notify_webhook` fired; `label` is that of the effect.",
        ("rule_id", "rule_version", "label", "trigger", "conversation_id", "message_id"),
        {"conversation": _CONVERSATION, "decision": _MESSAGE},
    ),
    "direct_messages.lead_captured": Entry(
        EventType.LEAD_CAPTURED,
        "A fan left a way to be reached; `lead.changed` follows with the lead itself.",
        (
            "conversation_id",
            "message_id",
            "source",
            "card_id",
            "consent_version",
            "captured_at",
            "attribution",
        ),
        {"conversation": _CONVERSATION, "decision": _MESSAGE},
    ),
    "direct_messages.hand_off_changed": Entry(
        EventType.HAND_OFF_CHANGED,
        "A conversation went a step between bot and people.",
        ("hand_off_id", "conversation_id", "stage", "reason", "agent_id"),
        {"conversation": _CONVERSATION},
    ),
    "direct_messages.sla_warned": Entry(
        EventType.SLA_WARNED,
        "A fan waits, and the promise to answer will soon be broken.",
        ("clock_id", "measure", "conversation_id", "started_at", "breach_at"),
        {"conversation": _CONVERSATION},
    ),
    "direct_messages.sla_breached": Entry(
        EventType.SLA_BREACHED,
        "A fan was not answered in time; again when it goes further up.",
        ("clock_id", "measure", "conversation_id", "started_at", "breach_at", "escalated_to"),
        {"conversation": _CONVERSATION},
    ),
    "direct_messages.rule_paused": Entry(
        EventType.RULE_PAUSED,
        "A rule was put aside: the platform refused what it sends, again and again.",
        ("rule_id", "rule_version", "reason", "code", "log_id"),
        {"rule": "/v1/accounts/{account_id}/rules/{rule_id}"},
    ),
    "fans.lead_changed": Entry(
        EventType.LEAD_CHANGED,
        "A lead is new, was touched again, moved on, or has another assignee.",
        ("lead_id", "change", "stage", "reason", "assignee", "touches", "reopens"),
        {"lead": "/v1/leads/{lead_id}"},
    ),
    "douyin.authorisation_needed": Entry(
        EventType.AUTHORISATION_NEEDED,
        "The owner of an account must authorise again, or it stops sending.",
        ("reason", "usable_until"),
        {"authorisations": "/v1/authorisations?state=needed"},
    ),
    "open_platform.webhook_endpoint_troubled": Entry(
        EventType.ENDPOINT_TROUBLED,
        "Another endpoint of the organization fails, or was disabled for it.",
        ("endpoint_id", "trouble", "reason"),
        {"endpoint": "/v1/webhook-endpoints/{endpoint_id}"},
    ),
}


def content(entry: Entry, account_id: str, cause: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The `data` of a webhook."""
    shown = {
        "account_id": account_id,
        "cause": cause,
        **{name: facts[name] for name in entry.facts},
    }
    named = {
        name: path.format(**shown)
        for name, path in entry.links.items()
        if all(shown[fact] is not None for fact in _NAMES.findall(path))
    }
    return {**shown, "links": named}
