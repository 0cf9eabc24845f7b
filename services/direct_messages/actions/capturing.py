"""Leads: what a fan leaves, and where a rule moves it, is told in the transaction that keeps the message."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

import orjson

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.domain.cases import Decision
from services.direct_messages.domain.leads import Contact, Source
from services.direct_messages.store import Account, Consent
from shared.contracts.envelope import Envelope
from shared.contracts.events.direct_messages import Attribution, LeadCaptured, LeadStageAsked
from shared.db import Tx
from shared.errors import NotFound
from shared.http.versions import Precondition, etag


@dataclass(frozen=True, slots=True)
class Capture:
    """A contact, and the message that left it."""

    envelope: Envelope
    fan_open_id: str
    conversation_id: str
    message_id: str
    card_id: str | None
    contact: Contact
    at: datetime
    entries_count_for: timedelta

    @property
    def behind(self) -> tuple[str, str, str, datetime, timedelta]:
        """Where to look for what brought the fan."""
        tenant = self.envelope.organization_id, self.envelope.account_id
        return *tenant, self.conversation_id, self.at, self.entries_count_for


async def tell_leads(deps: Deps, tx: Tx, captures: Sequence[Capture]) -> None:
    """Publish `direct_messages.lead_captured` for each, with the consent text that holds now."""
    accounts = {(c.envelope.organization_id, c.envelope.account_id) for c in captures}
    consents = await store.consent_versions(tx, accounts)
    came = await store.attributions(tx, [capture.behind for capture in captures])
    for capture, attribution in zip(captures, came, strict=True):
        envelope, contact = capture.envelope, capture.contact
        fields = {name: value for name, value in asdict(contact).items() if name != "source"}
        plain = orjson.dumps(fields).decode()
        event = LeadCaptured(
            open_id=capture.fan_open_id,
            conversation_id=capture.conversation_id,
            message_id=capture.message_id,
            source=contact.source.value,
            card_id=capture.card_id if contact.source is Source.LEAD_CARD else None,
            contact=deps.sealer.seal(envelope.organization_id, plain, tx.now.date()),
            consent_version=consents.get((envelope.organization_id, envelope.account_id)),
            captured_at=capture.at,
            attribution=Attribution.model_validate(attribution),
        )
        origin, subject = envelope.origin, capture.fan_open_id
        tx.publish(Envelope.of(event, origin, subject=subject, seq=0, at=tx.now))


def tell_stages(tx: Tx, decided: Iterable[tuple[Envelope, str, Decision]]) -> None:
    """Ask for the stage to which each decision moves its fan's (open id) lead."""
    for envelope, fan_open_id, decision in decided:
        wanted, rule = decision.stage, decision.rule
        if wanted is None or rule is None:
            continue
        event = LeadStageAsked(
            open_id=fan_open_id,
            message_id=decision.case.inbound.message_id,
            rule_id=rule.id,
            stage=wanted.stage,
            reason=wanted.reason,
            asked_at=tx.now,
        )
        tx.publish(Envelope.of(event, envelope.origin, subject=fan_open_id, seq=0, at=tx.now))


async def put_consent(deps: Deps, account: Account, text: str, based_on: Precondition) -> Consent:
    """The account's next consent text. Raises NotFound, PreconditionFailed, PreconditionRequired."""
    async with deps.database.transaction(account[0]) as tx:
        if await store.lock_account(tx, *account) is None:
            raise NotFound("no such account")
        held = await store.consent(tx, account, None)
        based_on.check(etag(held.version) if held else None)
        if held and held.text == text:
            return held
        new = Consent(held.version + 1 if held else 1, text, tx.now)
        await store.add_consent(tx, account, new)
        return new


async def find_consent(deps: Deps, account: Account, version: int | None) -> Consent:
    """The consent text of that version (None: the newest). Raises NotFound."""
    async with deps.database.transaction(account[0]) as tx:
        found = await store.consent(tx, account, version)
    if found is None:
        raise NotFound("this account has no such consent text")
    return found
