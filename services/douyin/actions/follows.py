"""Asks the platform whether somebody follows: seldom, remembered for a while, and told to who keeps fans."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from services.douyin import store
from services.douyin.actions.asking import AskDeps, ask, usable_account
from services.douyin.domain.answers import number
from services.douyin.domain.questions import FOLLOW_CHECKS
from services.douyin.domain.refusals import FollowChecksUsed, PlatformBusy
from services.douyin.store import FollowCheck
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.douyin import FollowChecked

_PATH: Final = "/fans/check/"
FRESH: Final = timedelta(minutes=10)  # polling is prohibited: an answer holds this long
MOST_A_MINUTE: Final = 60  # questions of one account


@dataclass(frozen=True, slots=True)
class Answered:
    """What is known, and whether it was asked just now."""

    check: FollowCheck
    is_fresh: bool


async def check_follow(
    deps: AskDeps, organization_id: str, account_id: str, open_id: str
) -> Answered:
    """Whether the fan follows the account. Raises FollowChecksUsed, and as `ask` does."""
    account = await usable_account(deps, organization_id, account_id)
    async with deps.database.transaction(organization_id) as tx:
        known = await store.find_follow_check(tx, (organization_id, account_id), open_id)
        if known is not None and known.checked_at > tx.now - FRESH:
            return Answered(known, is_fresh=False)
        asked = await store.count_follow_checks(tx, (organization_id, account_id))
    if asked >= MOST_A_MINUTE:
        raise FollowChecksUsed(f"at most {MOST_A_MINUTE} questions a minute")
    get = partial(deps.asking.get, _PATH)
    question = {"open_id": account.open_id, "follower_open_id": open_id}
    fields = await ask(deps, account, FOLLOW_CHECKS, lambda token: get(token, **question))
    follows = fields.get("is_follower")
    if not isinstance(follows, bool):
        raise PlatformBusy("Douyin did not say whether the fan follows", reason="no_answer")
    since = number(fields.get("follow_time"))
    followed_at = datetime.fromtimestamp(since, UTC) if follows and since else None
    async with deps.database.transaction(organization_id) as tx:
        check = FollowCheck(
            organization_id, account_id, open_id, follows, followed_at, checked_at=tx.now
        )
        await store.keep_follow_check(tx, check)
        event = FollowChecked(open_id=open_id, follows=follows, checked_at=tx.now)
        origin = Origin(organization_id, account_id, ids.new("obs"), ids.trace_parent())
        seq = int(tx.now.timestamp() * 1000)
        tx.publish(Envelope.of(event, origin, subject=open_id, seq=seq, at=tx.now))
    return Answered(check, is_fresh=True)
