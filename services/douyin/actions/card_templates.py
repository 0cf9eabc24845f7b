"""Templates of mini-program cards, asked of the platform each time: it alone keeps them.

They belong to the account's Douyin app, and the app asks with its own token. The same looks are one template
there, so a template whose answer was lost may be asked for again.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from services.douyin.actions.asking import AskDeps, Fields, ask_as_app, usable_account
from services.douyin.actions.walking import Walk
from services.douyin.domain.card_templates import (
    CardTemplate,
    Looks,
    platform_id_of,
    templates_in,
)
from services.douyin.domain.questions import CARD_TEMPLATES
from services.douyin.domain.refusals import PlatformBusy, PlatformRefused
from shared.errors import NotFound
from shared.http.idempotency import EACH_TIME, Once
from shared.http.versions import Precondition, tag_of

_PATHS: Final = "/api/douyin/v1/im/{}_applet_template/"
_SET, _GET, _DELETE = (_PATHS.format(verb) for verb in ("set", "get", "del"))
_WALK: Final = Walk("list", "cursor", most=100)

AccountKey = tuple[str, str]  # organization, account


@dataclass(frozen=True, slots=True)
class CardTemplates:
    """A page of the list. `then`: where the next one begins."""

    rows: list[CardTemplate]
    then: int | None


async def list_templates(
    deps: AskDeps, account_key: AccountKey, begin: int, count: int
) -> CardTemplates:
    """Templates of the account's Douyin app from that place on. Raises as `ask_as_app` does."""
    account = await usable_account(deps, *account_key)
    found: list[CardTemplate] = []

    async def ask_page(cursor: int, size: int) -> Fields:
        fields = await _ask(deps, account.client_key, _GET, {"cursor": cursor, "count": size})
        found.extend(templates_in(fields))
        return fields

    walked = await _WALK.run(ask_page, begin, count)
    return CardTemplates(found, walked.then)


async def find_template(deps: AskDeps, account_key: AccountKey, template_id: str) -> CardTemplate:
    """The template of that id of ours, as it is now. Raises NotFound and as `ask_as_app` does."""
    account = await usable_account(deps, *account_key)
    return await _find(deps, account.client_key, _platform_id(template_id))


async def add_template(
    deps: AskDeps,
    account_key: AccountKey,
    looks: Looks,
    card_type: int,
    once: Once[CardTemplate] = EACH_TIME,
) -> CardTemplate:
    """Create a template; the platform reviews it first. Looks that it has already give the template that has them.

    Raises Replayed, and as `ask_as_app` does.
    """
    async with once.held(deps.database, account_key[0]):
        account = await usable_account(deps, *account_key)
        platform_id = await _save(deps, account.client_key, looks, {"card_type": card_type})
        try:
            made = await _find(deps, account.client_key, platform_id)
        except NotFound as early:
            raise PlatformBusy("Douyin does not list it yet", reason="not_listed") from early
        async with deps.database.transaction(account_key[0]) as tx:
            await once.keep(tx, account_key[0], made)
        return made


async def change_template(
    deps: AskDeps, account_key: AccountKey, template_id: str, expected: Precondition, looks: Looks
) -> CardTemplate:
    """Change the looks of a template, whose review begins anew; its type stays.

    Raises NotFound, PreconditionFailed, and as `ask_as_app` does.
    """
    account = await usable_account(deps, *account_key)
    known = await _find(deps, account.client_key, _platform_id(template_id))
    expected.check(template_tag(known))
    more = {"card_template_id": known.platform_id, "card_type": known.card_type}
    await _save(deps, account.client_key, looks, more)
    return await _find(deps, account.client_key, known.platform_id)


async def delete_template(
    deps: AskDeps, account_key: AccountKey, template_id: str, expected: Precondition
) -> None:
    """The template is gone. Raises as `change_template` does."""
    account = await usable_account(deps, *account_key)
    known = await _find(deps, account.client_key, _platform_id(template_id))
    expected.check(template_tag(known))
    query = {"card_template_id": known.platform_id}
    try:
        await _ask(deps, account.client_key, _DELETE, {}, **query)
    except PlatformRefused:  # somebody else may have deleted it meanwhile
        left = await _left(deps, account.client_key, known.platform_id)
        if left is not None:
            raise


def template_tag(template: CardTemplate) -> str:
    """The version of what a caller may change: a review makes no other one."""
    return tag_of(template.looks)


async def _save(deps: AskDeps, client_key: str, looks: Looks, more: Fields) -> str:
    """The platform's id of the template that it has saved."""
    body = {
        "title": looks.title,
        "content": looks.content,
        "media_id": looks.image_id,
        "app_id": looks.app_id,
        **more,
    }
    fields = await _ask(deps, client_key, _SET, body)
    platform_id = fields.get("card_template_id") or more.get("card_template_id")
    if not isinstance(platform_id, str):
        raise PlatformBusy("Douyin named no template", reason="no_template_id")
    return platform_id


async def _find(deps: AskDeps, client_key: str, platform_id: str) -> CardTemplate:
    found = await _left(deps, client_key, platform_id)
    if found is None:
        raise NotFound("no such template")
    return found


async def _left(deps: AskDeps, client_key: str, platform_id: str) -> CardTemplate | None:
    body = {"card_template_id": platform_id, "cursor": 0, "count": 1}
    fields = await _ask(deps, client_key, _GET, body)
    if not isinstance(fields.get("list"), list):
        raise PlatformBusy("Douyin gave no list", reason="no_list")
    same = (one for one in templates_in(fields) if one.platform_id == platform_id)
    return next(same, None)


async def _ask(
    deps: AskDeps, client_key: str, path: str, body: dict[str, Any], **query: str
) -> Fields:
    call = partial(deps.asking.post, path, body=body, **query)
    return await ask_as_app(deps, client_key, CARD_TEMPLATES, call)


def _platform_id(template_id: str) -> str:
    platform_id = platform_id_of(template_id)
    if platform_id is None:
        raise NotFound("no such template")
    return platform_id
