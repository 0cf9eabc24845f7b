"""Events in: fans who follow, contacts that they leave, accounts that exist."""

from functools import partial

from services.fans.actions import (
    Deps,
    capture,
    know_accounts,
    move_as_asked,
    record_checks,
    record_follows,
)
from shared.contracts.events.direct_messages import LeadCaptured, LeadStageAsked
from shared.contracts.events.douyin import FanFollowed, FollowChecked
from shared.contracts.events.open_platform import PolicyChanged
from shared.queue import Handler


def handlers(deps: Deps) -> dict[str, Handler]:
    """Event type → what is done with a batch of it."""
    return {
        FanFollowed.type: partial(record_follows, deps),
        FollowChecked.type: partial(record_checks, deps),
        LeadCaptured.type: partial(capture, deps),
        LeadStageAsked.type: partial(move_as_asked, deps),
        PolicyChanged.type: partial(know_accounts, deps),  # every account has a policy
    }
