"""How a try ends: back to the queue, or as the platform said; and what a trace says of it."""

from services.douyin import store
from services.douyin.domain.answers import Action, Verdict
from services.douyin.domain.attempts import State, next_try
from shared.observability import semantics

_THROTTLED_SECONDS = 5.0


def untried(claimed: store.Claimed, pause: float, reason: str | None) -> store.Settlement:
    """Nothing was tried: back to the queue for so many seconds."""
    return store.Settlement(claimed, State.QUEUED, reason, pause=pause, untried=1)


def again(claimed: store.Claimed, reason: str, at_least: float) -> store.Settlement:
    """It certainly did not leave: try again later, or give up when it was tried often enough."""
    pause = next_try(claimed.tries)
    if pause is None:
        return store.Settlement(claimed, State.FAILED, reason)
    seconds = max(pause.total_seconds(), at_least)
    return store.Settlement(claimed, State.QUEUED, reason, pause=seconds)


def concluded(claimed: store.Claimed, verdict: Verdict) -> store.Settlement:
    """What the platform said."""
    if verdict.action is Action.TRY_LATER:
        return again(claimed, verdict.reason or "try_later", _THROTTLED_SECONDS)
    return store.Settlement(
        claimed,
        State(verdict.action.value),
        verdict.reason,
        verdict.code,
        verdict.message_id,
        verdict.log_id,
        verdict.closes_window,
    )


def traced(claimed: store.Claimed) -> dict[str, str]:
    """What a trace says of a try."""
    return {
        semantics.MESSAGING_SYSTEM: semantics.DOUYIN,
        semantics.MESSAGING_OPERATION: "send",
        semantics.MESSAGING_OPERATION_TYPE: "send",
        semantics.MESSAGING_MESSAGE_ID: f"{claimed.operation_id}:{claimed.item}",
        semantics.CAUSE: claimed.cause,
    }
