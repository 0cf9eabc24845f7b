"""What is left for a fan, as facts for the answer to whoever asked to send."""

import math
from datetime import datetime

from services.direct_messages.actions.deps import Deps
from services.direct_messages.domain.conversations import Conversation
from shared.contracts.api.quota import Denied, PeekRequest, Purpose, Resets
from shared.errors import NeighbourAway
from shared.http.client import NeighbourRefuses
from shared.http.limits import Fact, partition


async def budget_of(
    deps: Deps, found: Conversation, purpose: Purpose, now: datetime
) -> tuple[Fact, ...]:
    """The limits that hold for the fan now; nothing when quota says nothing: the send is asked for."""
    asked = PeekRequest(
        organization_id=found.organization_id,
        account_id=found.account_id,
        purpose=purpose,
        subject=found.fan_open_id,
        actor="person",
    )
    try:
        limits = await deps.quota.peek(asked)
    except (NeighbourAway, NeighbourRefuses):
        return ()
    return tuple(
        _fact(
            deps, found, limit.limit, (limit.cap, limit.available or 0), _until(limit.resets, now)
        )
        for limit in limits
        if limit.cap is not None
    )


def used_up(deps: Deps, found: Conversation, denied: Denied, now: datetime) -> tuple[Fact, ...]:
    """The limit that said no."""
    left = max(denied.cap - denied.used - denied.held, 0)
    return (_fact(deps, found, denied.limit, (denied.cap, left), _until(denied.resets, now)),)


def _fact(
    deps: Deps, found: Conversation, name: str, numbers: tuple[int, int], seconds: int | None
) -> Fact:
    owner = f"{found.organization_id}|{found.account_id}|{found.fan_open_id}"
    whose = partition(deps.sealer.derive("rate-limit"), owner)
    return Fact(name, *numbers, whose, seconds)


def _until(resets: Resets, now: datetime) -> int | None:
    """Seconds until it resets; None where a fan's message does it."""
    if resets.at is None or resets.on != "time":
        return None
    return max(math.ceil((resets.at - now).total_seconds()), 1)
