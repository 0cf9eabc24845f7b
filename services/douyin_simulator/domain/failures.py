"""Failures on order: which kinds there are, and which of them strikes a call or a webhook."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

SEND_PATH: Final = "/im/send/msg/"
EVERY_PATH: Final = "*"


class FailureKind(StrEnum):
    """What goes wrong. Kinds that begin with `webhook_` strike events, all others calls."""

    HTTP_ERROR = "http_error"
    SLOW = "slow"
    ACCEPTED_THEN_TIMEOUT = "accepted_then_timeout"
    ACCEPTED_THEN_RESET = "accepted_then_reset"
    RESET = "reset"
    BUSINESS_ERROR = "business_error"
    HTML_BODY = "html_body"
    TRUNCATED_JSON = "truncated_json"
    EMPTY_BODY = "empty_body"
    HUGE_BODY = "huge_body"
    WRONG_ENVELOPE = "wrong_envelope"
    WRONG_CONTENT_TYPE = "wrong_content_type"
    WRONG_TYPES = "wrong_types"
    WEBHOOK_DUPLICATE = "webhook_duplicate"
    WEBHOOK_REDELIVERED = "webhook_redelivered"
    WEBHOOK_REORDER = "webhook_reorder"
    WEBHOOK_DELAY = "webhook_delay"
    WEBHOOK_LOST_ECHO = "webhook_lost_echo"
    WEBHOOK_DROP = "webhook_drop"

    @property
    def strikes_webhooks(self) -> bool:
        """True for the kinds that strike events on their way to the app."""
        return self.value.startswith("webhook_")


ACCEPTS_BY_DEFAULT = frozenset(
    {
        FailureKind.SLOW,
        FailureKind.ACCEPTED_THEN_TIMEOUT,
        FailureKind.ACCEPTED_THEN_RESET,
        FailureKind.TRUNCATED_JSON,
        FailureKind.EMPTY_BODY,
        FailureKind.HUGE_BODY,
        FailureKind.WRONG_ENVELOPE,
        FailureKind.WRONG_CONTENT_TYPE,
        FailureKind.WRONG_TYPES,
    }
)
# The name of these kinds already says whether the message was accepted.
ACCEPTANCE_IS_FIXED = frozenset(
    {
        FailureKind.SLOW,
        FailureKind.ACCEPTED_THEN_TIMEOUT,
        FailureKind.ACCEPTED_THEN_RESET,
        FailureKind.RESET,
        FailureKind.BUSINESS_ERROR,
    }
)


@dataclass(frozen=True, slots=True)
class Match:
    """Whom a failure strikes; None means anybody. Without a path it strikes sends only."""

    open_id: str | None = None
    to_user_id: str | None = None
    conversation_id: str | None = None
    event: str | None = None
    path: str = SEND_PATH

    def hits(self, subject: "Match") -> bool:
        """True when every field that is set here equals the subject's."""
        pairs = (
            (self.open_id, subject.open_id),
            (self.to_user_id, subject.to_user_id),
            (self.conversation_id, subject.conversation_id),
            (self.event, subject.event),
        )
        if self.path not in (subject.path, EVERY_PATH):
            return False
        return all(wanted is None or wanted == have for wanted, have in pairs)


@dataclass(frozen=True, slots=True)
class Failure:
    """One order. `remaining` counts down; None means that only the probability limits it."""

    number: int
    kind: FailureKind
    match: Match
    accepted: bool
    probability: float = 1.0
    seed: int = 0
    remaining: int | None = None
    fired: int = 0
    delay_ms: int = 0
    status: int = 502
    code: int = 28001005
    envelope: str = "e1"

    def after_firing(self) -> "Failure":
        """The order once it has struck once more."""
        left = None if self.remaining is None else self.remaining - 1
        return replace(self, fired=self.fired + 1, remaining=left)


def choose(
    failures: Iterable[Failure], subject: Match, draw: Callable[[Failure], float]
) -> Failure | None:
    """The first order, oldest first, that strikes the subject.

    `draw` gives the next number in 0…1 of the order's own seeded sequence.
    """
    for failure in failures:
        if failure.remaining == 0 or not failure.match.hits(subject):
            continue
        if failure.probability >= 1.0 or draw(failure) < failure.probability:
            return failure
    return None
