"""Who follows an account, and what they are like together: asked each time.

Names and pictures are kept nowhere. That somebody follows is told to who keeps fans, as a follow check is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from services.douyin.actions.asking import AskDeps, Fields, ask, usable_account
from services.douyin.actions.follows import tell
from services.douyin.actions.walking import Walk
from services.douyin.domain.followers import Follower, Portrait, followers_in, portrait_in
from services.douyin.domain.questions import FOLLOWERS, PORTRAITS
from services.douyin.domain.refusals import PlatformBusy
from services.douyin.domain.webhooks.fields import number
from services.douyin.store import FollowCheck

_LIST: Final = "/fans/list/"
_DATA: Final = "/api/douyin/v1/user/fans_data/"
_WALK: Final = Walk("list", "cursor", most=50)


@dataclass(frozen=True, slots=True)
class Followers:
    """A page of the list. `total`: how many the platform lists, if it says so."""

    rows: list[Follower]
    then: int | None
    total: int | None


async def list_followers(
    deps: AskDeps, account_key: tuple[str, str], begin: int, count: int
) -> Followers:
    """Followers of (organization, account) from that place of the platform's list on. Raises as `ask` does."""
    account = await usable_account(deps, *account_key)
    get = partial(deps.asking.get, _LIST, open_id=account.open_id)
    found: dict[str, Follower] = {}

    async def ask_page(cursor: int, size: int) -> Fields:
        fields = await ask(deps, account, FOLLOWERS, partial(get, cursor=cursor, count=size))
        page = {one.open_id: one for one in followers_in(fields)}
        await _tell(deps, account_key, page)
        found.update(page)
        return fields

    walked = await _WALK.run(ask_page, begin, count)
    return Followers(list(found.values()), walked.then, number(walked.last.get("total")))


async def _tell(deps: AskDeps, account_key: tuple[str, str], page: Iterable[str]) -> None:
    """These follow now: told before the next page is asked for, so that the time is that of the answer."""
    async with deps.database.transaction(account_key[0]) as tx:
        for open_id in page:
            check = FollowCheck(
                *account_key, open_id, follows=True, followed_at=None, checked_at=tx.now
            )
            tell(tx, check)


async def read_portrait(deps: AskDeps, organization_id: str, account_id: str) -> Portrait:
    """What the account's followers are like together. Raises as `ask` does."""
    account = await usable_account(deps, organization_id, account_id)
    get = partial(deps.asking.get, _DATA, open_id=account.open_id)
    portrait = portrait_in(await ask(deps, account, PORTRAITS, get))
    if portrait is None:
        raise PlatformBusy("Douyin drew no portrait", reason="no_portrait")
    return portrait
