"""How accounts and apps stand at the platform."""

from datetime import datetime
from typing import Literal

from shared.contracts.envelope import Event


class SubscriptionAlarm(Event):
    """Webhooks of an app were off, or nothing has come for long (subject: the client key)."""

    type = "douyin.subscription_alarm"

    client_key: str
    events_off: list[str]  # they were switched on again
    is_silent: bool
    last_event_at: datetime | None


class AccountAuthorised(Event):
    """The owner authorised a Douyin app (subject: the account): messages may be sent."""

    type = "douyin.account_authorised"

    client_key: str
    open_id: str
    scopes: list[str]  # as the platform lists them; those of direct messages are never listed
    usable_until: datetime | None  # the end of the tokens as they are; it moves with every renewal


class AccountRevoked(Event):
    """The owner withdrew (subject: the account): nothing is sent any more, and what waits fails."""

    type = "douyin.account_revoked"

    client_key: str
    open_id: str
    reason: str  # stable word, e.g. withdrawn, contract_withdrawn
    revoked_at: datetime


class AuthorisationNeeded(Event):
    """Only the owner can keep the account sending, or let it send again (subject: the account).

    Told once from one authorisation to the next.
    """

    type = "douyin.authorisation_needed"

    client_key: str
    open_id: str
    reason: str  # stable word, e.g. renewals_used_up, withdrawn
    usable_until: datetime  # when sending stops, or has stopped


class AuthorisationReported(Event):
    """The platform reports what an owner granted or withdrew (subject: the account's open_id)."""

    type = "douyin.authorisation_reported"

    report: Literal["authorize", "unauthorize", "contract_authorize", "contract_unauthorize"]
    open_id: str  # the account's own
    scopes: list[str]
    reported_at: datetime
