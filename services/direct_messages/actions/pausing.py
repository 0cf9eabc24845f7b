"""Put a rule aside whose answers the platform refuses for what they are: a card that is gone, say."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from services.direct_messages import store
from services.direct_messages.domain.cards import cards_of
from services.direct_messages.domain.changes import paused
from services.direct_messages.domain.messages import Settlement, State, decided_message
from services.direct_messages.domain.rules import Rule
from services.direct_messages.store import Account
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.direct_messages import RulePaused
from shared.db import Tx

log = structlog.get_logger()

# reasons that lie in what was to be sent; the fan, the window or the app are no fault of a rule
_OF_CONTENT: Final = frozenset(
    {
        "content_refused",
        "sensitive_word",
        "illegal_parameter",
        "material_refused",
        "not_this_video",
    }
)
_IN_A_ROW: Final = 3  # a refusal may be an accident, three with nothing taken in between are none


@dataclass(frozen=True, slots=True)
class Alarm:
    """Why a rule is put aside: in words, in a word, and what led to it."""

    why: str
    reason: str
    cause: str
    code: int | None = None
    log_id: str | None = None


async def pause_refused(tx: Tx, settlements: Sequence[Settlement]) -> None:
    """Count the refusals among these; the rule that has enough of them no longer fires."""
    for settled in settlements:
        if settled.state is not State.FAILED or settled.reason not in _OF_CONTENT:
            continue
        message_id = decided_message("", "", settled.operation_id)
        if message_id is not None:  # else a person sent it
            await _count(tx, settled, message_id)


async def _count(tx: Tx, settled: Settlement, message_id: str) -> None:
    account = (settled.organization_id, settled.account_id)
    decision = await store.decision(tx, *account, message_id)
    if decision is None or decision.rule_id is None:
        return
    rules = await store.rules(tx, *account)
    rule = next((r for r in rules if r.id == decision.rule_id and r.fires), None)
    if rule is None or rule.updated_at > decision.decided_at:  # changed since: it is another answer
        return
    found = await store.count_failure(tx, account, (rule.id, rule.version), message_id)
    if found.failures < _IN_A_ROW:
        return
    if not await store.was_taken_since(tx, account, found):
        why = f"the platform refused its last {_IN_A_ROW} answers: {settled.reason}"
        alarm = Alarm(why, settled.reason or "", settled.operation_id, settled.code, settled.log_id)
        await store.lock_account(tx, *account)
        if rule in await store.rules(tx, *account):  # else somebody changed it meanwhile
            await _pause(tx, account, rule, alarm)
    await store.forget_failures(tx, account, rule.id)


async def pause_without_cards(
    tx: Tx, account: Account, card_ids: Collection[str], cause: str
) -> None:
    """Rules that send these cards, which are gone, no longer fire; the account is locked."""
    for rule in await store.rules(tx, *account):
        gone = [card for card in cards_of(rule.definition).values() if card in card_ids]
        if gone and rule.fires:
            why = f"the lead card {gone[0]} was deleted"
            await _pause(tx, account, rule, Alarm(why, "card_deleted", cause))


async def _pause(tx: Tx, account: Account, rule: Rule, alarm: Alarm) -> None:
    edit = paused(await store.rules(tx, *account), rule.id, alarm.why, tx.now)
    await store.add_rule_set(tx, account, edit, f"! {rule.definition.name}", "siyu")
    event = RulePaused(
        rule_id=rule.id,
        rule_version=edit.written[0].version,
        reason=alarm.reason,
        code=alarm.code,
        log_id=alarm.log_id,
    )
    origin = Origin(*account, alarm.cause, ids.trace_parent())
    tx.publish(Envelope.of(event, origin, subject=rule.id, seq=1, at=tx.now))
    log.warning(
        "rule_paused",
        organization=account[0],
        account=account[1],
        rule=rule.id,
        reason=alarm.reason,
        code=alarm.code,
    )
