"""Asks the platform whether somebody follows: seldom, remembered for a while, and told to who keeps fans."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from services.douyin import store
from services.douyin.actions.asking import AskDeps, ask, usable_account
from services.douyin.actions.directory import Account
from services.douyin.domain.answers import number
from services.douyin.domain.questions import FOLLOW_CHECKS
from services.douyin.domain.refusals import FollowChecksUsed, PlatformBusy
from services.douyin.store import FollowCheck
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.douyin import FollowChecked
from shared.db import Tx
from shared.http.idempotency import EACH_TIME, Once

_PATH: Final = "/fans/check/"
FRESH: Final = timedelta(minutes=10)  # polling is prohibited: an answer holds this long
MOST_A_MINUTE: Final = 60  # questions of one account


@dataclass(frozen=True, slots=True)
class Answered:
    """What is known, and whether it was asked just now."""

    check: FollowCheck
    is_fresh: bool


async def check_follow(
    deps: AskDeps,
    account_key: tuple[str, str],
    open_id: str,
    once: Once[Answered] = EACH_TIME,
) -> Answered:
    """Whether the fan follows (organization, account). Raises FollowChecksUsed, Replayed, and as `ask` does."""
    organization_id = account_key[0]
    async with once.held(deps.database, organization_id):
        account = await usable_account(deps, *account_key)
        async with deps.database.transaction(organization_id) as tx:
            known = await store.find_follow_check(tx, account_key, open_id)
            if known is not None and known.checked_at > tx.now - FRESH:
                remembered = Answered(known, is_fresh=False)
                await once.keep(tx, organization_id, remembered)
                return remembered
            asked = await store.count_follow_checks(tx, account_key)
        if asked >= MOST_A_MINUTE:
            raise FollowChecksUsed(f"at most {MOST_A_MINUTE} questions a minute")
        follows, followed_at = await _ask(deps, account, open_id)
        async with deps.database.transaction(organization_id) as tx:
            check = FollowCheck(*account_key, open_id, follows, followed_at, checked_at=tx.now)
            await store.keep_follow_check(tx, check)
            tell(tx, check)
            answered = Answered(check, is_fresh=True)
            await once.keep(tx, organization_id, answered)
            return answered


async def _ask(deps: AskDeps, account: Account, open_id: str) -> tuple[bool, datetime | None]:
    get = partial(deps.asking.get, _PATH)
    question = {"open_id": account.open_id, "follower_open_id": open_id}
    fields = await ask(deps, account, FOLLOW_CHECKS, lambda token: get(token, **question))
    follows = fields.get("is_follower")
    if not isinstance(follows, bool):
        raise PlatformBusy("Douyin did not say whether the fan follows", reason="no_answer")
    since = number(fields.get("follow_time"))
    return follows, datetime.fromtimestamp(since, UTC) if follows and since else None


def tell(tx: Tx, check: FollowCheck) -> None:
    """Let who keeps fans know what the platform said."""
    at = check.checked_at
    event = FollowChecked(open_id=check.open_id, follows=check.follows, checked_at=at)
    origin = Origin(check.organization_id, check.account_id, ids.new("obs"), ids.trace_parent())
    seq = int(at.timestamp() * 1000)
    tx.publish(Envelope.of(event, origin, subject=check.open_id, seq=seq, at=at))
