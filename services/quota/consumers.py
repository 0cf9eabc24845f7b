"""Events in: how sends ended, what accounts may, who follows."""

from collections.abc import Sequence
from functools import partial

import orjson

from services.quota import actions
from services.quota.actions import Deps, Settlement
from services.quota.domain import Entry, Reason
from shared import inbox
from shared.contracts.envelope import Envelope
from shared.contracts.events.direct_messages import SendNotRequested
from shared.contracts.events.douyin import AttemptsSettled, Outcome, SettledAttempt
from shared.contracts.events.fans import FollowChanged
from shared.contracts.events.open_platform import PolicyChanged
from shared.queue import Handler

_AT_ONCE = 16  # envelopes of settled attempts in a transaction; each tells of up to 32
_ENTRIES = {Outcome.SENT: Entry.COMMITTED, Outcome.FAILED: Entry.RELEASED, Outcome.UNKNOWN: None}
_CLOSES = {"cap_reached": Reason.CLOSED_BY_PLATFORM, "window_expired": Reason.WINDOW_EXPIRED}


def handlers(deps: Deps) -> dict[str, Handler]:
    """Event type → handler of a batch."""
    return {
        AttemptsSettled.type: partial(on_attempt_settled, deps),
        SendNotRequested.type: partial(on_send_not_requested, deps),
        PolicyChanged.type: partial(on_policy_changed, deps),
        FollowChanged.type: partial(on_follow_changed, deps),
    }


async def on_attempt_settled(deps: Deps, envelopes: list[Envelope]) -> None:
    """Sent: commit the item. Failed: release it. Unknown: the hold stays."""
    for start in range(0, len(envelopes), _AT_ONCE):
        some = envelopes[start : start + _AT_ONCE]
        told = [(e, attempt) for e in some for attempt in AttemptsSettled.heard(e)]
        await inbox.by_parts(told, partial(_settle, deps))


async def _settle(deps: Deps, told: Sequence[tuple[Envelope, SettledAttempt]]) -> None:
    await actions.settle(deps, [_settlement(*one) for one in told], [e for e, _ in told])


def _settlement(envelope: Envelope, attempt: SettledAttempt) -> Settlement:
    return Settlement(
        envelope.organization_id,
        envelope.account_id,
        attempt.reservation_id or "",
        frozenset({attempt.item}),
        _ENTRIES[attempt.outcome],
        attempt.reason or "",
        _CLOSES[attempt.closes_window] if attempt.closes_window else None,
    )


async def on_send_not_requested(deps: Deps, envelopes: list[Envelope]) -> None:
    """The send was never asked for: give everything back."""
    settlements = [
        Settlement(
            e.organization_id,
            e.account_id,
            e.data["reservation_id"],
            None,
            Entry.RELEASED,
            "not_requested",
        )
        for e in envelopes
    ]
    await actions.settle(deps, settlements, envelopes)


async def on_policy_changed(deps: Deps, envelopes: list[Envelope]) -> None:
    """Keep the newest policy of each account; it holds for new decisions only."""
    rows = []
    for envelope in envelopes:
        policy = PolicyChanged.model_validate(envelope.data)
        values = orjson.dumps(policy.values).decode()
        rows.append((envelope.organization_id, envelope.account_id, policy.policy_version, values))
    await actions.learn_policies(deps, envelopes, rows)


async def on_follow_changed(deps: Deps, envelopes: list[Envelope]) -> None:
    """Keep who follows: the reply limit is off for them at once."""
    rows = []
    for envelope in envelopes:
        fact = FollowChanged.model_validate(envelope.data)
        rows.append(
            (
                envelope.organization_id,
                envelope.account_id,
                fact.open_id,
                fact.follows,
                fact.observed_at,
            )
        )
    await actions.learn_follow_states(deps, envelopes, rows)
