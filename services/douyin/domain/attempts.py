"""Attempts: which moves a state allows, when to try again, and what tells two contents apart."""

import hashlib
import unicodedata
from datetime import timedelta
from enum import StrEnum
from typing import Final


class State(StrEnum):
    """Where one item of a send stands."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"  # definitely not sent
    UNKNOWN = "unknown"  # may have been sent
    PRESUMED_NOT_SENT = "presumed_not_sent"  # only by a policy; the default never comes here


# back to `queued` only when no byte left, or the platform refused before it did anything
_MOVES: Final[dict[State, frozenset[State]]] = {
    State.QUEUED: frozenset({State.SENDING, State.FAILED}),
    State.SENDING: frozenset({State.SENT, State.FAILED, State.UNKNOWN, State.QUEUED}),
    State.UNKNOWN: frozenset({State.SENT, State.PRESUMED_NOT_SENT}),
    State.PRESUMED_NOT_SENT: frozenset({State.SENT}),
    State.FAILED: frozenset(),
    State.SENT: frozenset(),
}
SETTLED: Final = frozenset({State.SENT, State.FAILED, State.PRESUMED_NOT_SENT})

_PAUSES: Final = tuple(timedelta(seconds=s) for s in (0.5, 2, 5, 15, 30, 60, 120))


def may_move(now: State, to: State) -> bool:
    """Whether an attempt that is `now` may become `to`. Nothing leaves `sent`."""
    return to in _MOVES[now]


def sources(to: State) -> list[str]:
    """The states from which an attempt may become `to`."""
    return [state.value for state in State if may_move(state, to)]


def next_try(tries: int) -> timedelta | None:
    """How long to wait after `tries` tries of which no byte left; None means never again."""
    return _PAUSES[tries - 1] if 0 < tries <= len(_PAUSES) else None


def content_hash(kind: str, text: str) -> str:
    """What an attempt and its echo have in common: the same for texts that read the same."""
    normal = unicodedata.normalize("NFC", text)
    return hashlib.sha256(f"{kind}\n{normal}".encode("utf-8", "replace")).hexdigest()[:32]
