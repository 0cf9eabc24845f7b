"""Who lets an account write first: asked each time, kept nowhere. That it changed, webhooks tell."""

from dataclasses import dataclass
from functools import partial
from typing import Final

from services.douyin.actions.asking import AskDeps, Fields, ask, usable_account
from services.douyin.actions.walking import Walk
from services.douyin.domain.grants import Grant, Whence, grants_in, is_given, whence_in
from services.douyin.domain.questions import GRANTS
from services.douyin.domain.refusals import PlatformBusy

_STATUS: Final = "/im/authorize/status/"
_LIST: Final = "/im/authorize/user_list/"
_WALK: Final = Walk("auth_user_list", "next_cursor", most=100)


@dataclass(frozen=True, slots=True)
class Grants:
    """A page of the list. `then`: where the next one begins."""

    rows: list[Grant]
    then: int | None


async def list_grants(
    deps: AskDeps, account_key: tuple[str, str], begin: int, count: int
) -> Grants:
    """Grants to (organization, account) from that place of the platform's list on. Raises as `ask` does."""
    account = await usable_account(deps, *account_key)
    post = partial(deps.asking.post, _LIST, open_id=account.open_id)
    found: dict[str, Grant] = {}

    async def ask_page(cursor: int, size: int) -> Fields:
        body = {"cursor": cursor, "limit": size}
        fields = await ask(deps, account, GRANTS, partial(post, body=body))
        found.update({one.open_id: one for one in grants_in(fields)})
        return fields

    walked = await _WALK.run(ask_page, begin, count)
    return Grants(list(found.values()), walked.then)


async def find_grant(
    deps: AskDeps, account_key: tuple[str, str], open_id: str, app_id: str | None = None
) -> Whence | None:
    """Where the fan granted it to (organization, account), by way of that mini-program; None: nowhere.

    Raises as `ask` does.
    """
    account = await usable_account(deps, *account_key)
    body = {"c_open_id": open_id} | ({} if app_id is None else {"app_id": app_id})
    post = partial(deps.asking.post, _STATUS, open_id=account.open_id)
    fields = await ask(deps, account, GRANTS, partial(post, body=body))
    given = is_given(fields)
    if given is None:
        raise PlatformBusy("Douyin did not say whether the fan granted it", reason="no_answer")
    return whence_in(fields) if given else None
