"""What becomes of a webhook on its way: taken, tried again, or given up until somebody sends it again."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from http import HTTPStatus
from typing import Final

from services.open_platform.domain.catalogue import TEST
from services.open_platform.domain.webhooks import DisabledReason

# before the first try, the second, …; each but the first somewhat earlier or later, so that what failed
# together is not tried together
WAITS: Final = tuple(
    timedelta(seconds=seconds)
    for seconds in (0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
OUR_ERROR: Final = "our_error"  # trouble, or reason: the receiver is not to blame
TROUBLED_FROM: Final = 4  # tries of one webhook in vain: whoever runs the endpoint should know
GIVE_UP_AFTER: Final = timedelta(days=5)  # of failures only, an endpoint is disabled
_JITTER: Final = 0.2
_OVERLOADED: Final = frozenset(
    {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}
)
_OVERLOADED_WAIT: Final = timedelta(seconds=60)
_DIGITS: Final = 20  # that anybody needs to write a time; Python refuses to read very many
_LONGEST_SECONDS: Final = 86_400  # that a receiver may ask us to wait


class DeliveryState(StrEnum):
    """Where a webhook stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint."""

    organization_id: str
    id: str
    endpoint_id: str
    account_id: str | None
    event_id: str
    event_type: str
    state: DeliveryState
    reason: str | None
    tried: int  # also those of which nobody knows how they ended
    next_try_at: datetime | None
    created_at: datetime
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Try:
    """One request, and how it ended."""

    number: int
    at: datetime
    status: int | None
    trouble: str | None
    ms: int


@dataclass(frozen=True, slots=True)
class Told:
    """What a receiver said: a status, or else which trouble there was; and when to come again."""

    status: int | None
    trouble: str | None = None  # a stable word; None: it took the webhook
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the delivery. `wait`: until the next try, of one that is pending."""

    state: DeliveryState
    reason: str | None = None
    wait: timedelta | None = None
    disables: DisabledReason | None = None


def most_tries(event_type: str) -> int:
    """How often a webhook is tried before it is given up; a test once: whoever tests looks now."""
    return 1 if event_type == TEST else len(WAITS)


def answered(status: int, retry_after: str | None) -> Told:
    """What an answer means: 2xx is taken, all else is not; nobody follows a redirect."""
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Told(status)
    is_number = retry_after and len(retry_after) < _DIGITS and retry_after.isdecimal()
    seconds = int(retry_after or "") if is_number else None
    asked = None if seconds is None else timedelta(seconds=min(seconds, _LONGEST_SECONDS))
    return Told(status, "refused", asked)


def judge(told: Told, event_type: str, earlier: int, share: float) -> Verdict:
    """What becomes of a delivery that was tried `earlier` times before; `share` is chance from 0 to 1."""
    if told.trouble is None:
        return Verdict(DeliveryState.DELIVERED)
    if told.status == HTTPStatus.GONE:
        return Verdict(DeliveryState.FAILED, "gone", disables=DisabledReason.GONE)
    if earlier + 1 >= most_tries(event_type):
        is_named = event_type == TEST or told.trouble == OUR_ERROR
        return Verdict(DeliveryState.FAILED, told.trouble if is_named else "exhausted")
    wait = WAITS[earlier + 1] * (1 + _JITTER * (2 * share - 1))
    if told.status in _OVERLOADED:
        wait = max(wait, _OVERLOADED_WAIT)
    if told.retry_after is not None:
        wait = max(wait, told.retry_after)
    return Verdict(DeliveryState.PENDING, wait=wait)
