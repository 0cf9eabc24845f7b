"""News of rules that let webhooks tell that they fired: kept or lost with the decision."""

from collections.abc import Iterable

from services.direct_messages.domain.cases import Decision
from shared.contracts.envelope import Envelope
from shared.contracts.events.direct_messages import RuleNotified
from shared.db import Tx


def tell_notices(tx: Tx, decided: Iterable[tuple[Envelope, Decision, str | None]]) -> None:
    """Publish each notice, of (what was heard, what was decided, our conversation)."""
    for heard, decision, conversation_id in decided:
        if decision.notice is None or decision.rule is None:
            continue
        inbound = decision.case.inbound
        event = RuleNotified(
            rule_id=decision.rule.id,
            rule_version=decision.rule.version,
            label=decision.notice.label,
            trigger=inbound.trigger.value,
            conversation_id=conversation_id,
            message_id=inbound.message_id,
        )
        subject = inbound.message_id
        tx.publish(Envelope.of(event, heard.origin, subject=subject, seq=1, at=tx.now))
