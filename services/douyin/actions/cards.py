"""Lead cards: the platform keeps them; we know which of them are an account's, and under which id of ours.

Whatever changes what we know of a card is told in the same transaction. Its version is the order of that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from services.douyin import store
from services.douyin.actions.asking import AskDeps, Fields, ask, usable_account
from services.douyin.actions.directory import Account
from services.douyin.domain.answers import number
from services.douyin.domain.questions import LEAD_CARDS
from services.douyin.domain.refusals import PlatformBusy, PlatformRefused
from services.douyin.store import CardRow
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.douyin import CardChanged
from shared.db import Tx
from shared.errors import NotFound
from shared.http.idempotency import EACH_TIME, Once
from shared.http.versions import Precondition, etag

__all__ = ["CardRow", "Draft", "add_card", "change_card", "delete_card", "find_card", "list_cards"]

_SAVE, _LIST = "/im/save/retain_consult_card/", "/im/get/retain_consult_card/"
_DELETE = "/im/del/retain_consult_card/"
# how the platform counts what a fan may leave
COMPONENTS: Final = {"name": 1, "phone": 2, "city": 3}
_NAMES: Final = {code: name for name, code in COMPONENTS.items()}
_MOST = 1000


@dataclass(frozen=True, slots=True)
class Draft:
    """A card as somebody wants it."""

    title: str
    image_id: str
    components: tuple[str, ...]


async def add_card(
    deps: AskDeps,
    account_key: tuple[str, str],
    draft: Draft,
    once: Once[CardRow] = EACH_TIME,
) -> CardRow:
    """Create a card for (organization, account); the platform reviews it first.

    Raises Replayed, OutcomeUnknown, and as `ask` does.
    """
    async with once.held(deps.database, account_key[0]):
        account = await usable_account(deps, *account_key)
        asked_at = await _asked_at(deps, account)
        async with once.risked(deps.database, account_key[0]):
            platform_id = await _saved(deps, account, None, draft)
        row = _row(account, ids.new("card"), platform_id, draft)
        return await _keep(deps, account, row, asked_at, once)


async def change_card(
    deps: AskDeps, account_key: tuple[str, str], card_id: str, expected: Precondition, draft: Draft
) -> CardRow:
    """Change the card of (organization, account) and this id of ours; its review begins anew.

    Raises NotFound, PreconditionFailed, and as `ask` does.
    """
    account = await usable_account(deps, *account_key)
    known = await find_card(deps, *account_key, card_id)
    expected.check(etag(known.version))
    asked_at = await _asked_at(deps, account)
    platform_id = await _saved(deps, account, known, draft)
    return await _keep(deps, account, _row(account, known.id, platform_id, draft), asked_at)


async def _saved(deps: AskDeps, account: Account, known: CardRow | None, draft: Draft) -> str:
    """The platform's id of the card that it has saved."""
    body: dict[str, Any] = {
        "title": draft.title,
        "media_id": draft.image_id,
        "components": [COMPONENTS[name] for name in draft.components],
    }
    if known is not None:
        body["card_id"] = known.card_id
    post = partial(deps.asking.post, _SAVE)
    fields = await ask(
        deps, account, LEAD_CARDS, lambda token: post(token, body, open_id=account.open_id)
    )
    platform_id = fields.get("card_id") or (known and known.card_id)
    if not isinstance(platform_id, str):
        unnamed = PlatformBusy("Douyin named no card", reason="no_card_id")
        unnamed.in_doubt = True
        raise unnamed
    return platform_id


def _row(account: Account, card_id: str, platform_id: str, draft: Draft) -> CardRow:
    return CardRow(
        account.organization_id,
        account.account_id,
        card_id,
        platform_id,
        draft.title,
        draft.image_id,
        list(draft.components),
        None,
    )


async def _keep(
    deps: AskDeps,
    account: Account,
    row: CardRow,
    asked_at: datetime,
    once: Once[CardRow] = EACH_TIME,
) -> CardRow:
    async with deps.database.transaction(account.organization_id) as tx:
        kept = await store.keep_cards(tx, [row], asked_at)
        if not kept:
            raise NotFound("the card was deleted meanwhile")
        _tell_kept(tx, account, kept)
        await once.keep(tx, account.organization_id, kept[0][0])
        return kept[0][0]


async def find_card(deps: AskDeps, organization_id: str, account_id: str, card_id: str) -> CardRow:
    """The card as it was when we saw it last. Raises NotFound."""
    async with deps.database.transaction(organization_id) as tx:
        found = await store.find_card(tx, organization_id, account_id, card_id)
    if found is None:
        raise NotFound("no such card")
    return found


async def list_cards(deps: AskDeps, organization_id: str, account_id: str) -> list[CardRow]:
    """The account's cards as the platform has them now; what it no longer has is gone. Raises as `ask` does."""
    account = await usable_account(deps, organization_id, account_id)
    asked_at = await _asked_at(deps, account)
    get = partial(deps.asking.get, _LIST)
    fields = await ask(deps, account, LEAD_CARDS, lambda token: get(token, open_id=account.open_id))
    listed = fields.get("cards")
    found = [
        row
        for card in (listed if isinstance(listed, list) else [])[:_MOST]
        if isinstance(card, dict) and (row := _listed(account, card)) is not None
    ]
    async with deps.database.transaction(organization_id) as tx:
        kept = await store.keep_cards(tx, found, asked_at) if found else []
        _tell_kept(tx, account, kept)
        # of a list that could not be read whole nobody can say what is missing
        if isinstance(listed, list) and len(found) == len(listed):
            ids_left = [row.card_id for row in found]
            place = (organization_id, account_id)
            _tell_gone(tx, place, await store.drop_other_cards(tx, place, ids_left, asked_at))
        return [row for row, _ in kept]


async def delete_card(
    deps: AskDeps, account_key: tuple[str, str], card_id: str, expected: Precondition
) -> None:
    """The card is gone; messages that carried it stay. Raises as `change_card` does."""
    account = await usable_account(deps, *account_key)
    known = await find_card(deps, *account_key, card_id)
    expected.check(etag(known.version))
    get = partial(deps.asking.get, _DELETE)
    question = {"open_id": account.open_id, "card_id": known.card_id}
    try:
        await ask(deps, account, LEAD_CARDS, lambda token: get(token, **question))
    except PlatformRefused:  # it may be gone since a try before, whose answer was lost
        listed = await list_cards(deps, *account_key)
        if known.card_id in {card.card_id for card in listed}:
            raise
    async with deps.database.transaction(account.organization_id) as tx:
        _tell_gone(tx, account_key, await store.drop_card(tx, account_key, card_id))


async def _asked_at(deps: AskDeps, account: Account) -> datetime:
    async with deps.database.transaction(account.organization_id) as tx:
        return await store.asked_at(tx)


def _tell_kept(tx: Tx, account: Account, kept: Sequence[tuple[CardRow, bool]]) -> None:
    for row, is_news in kept:
        if is_news:
            place = (account.organization_id, account.account_id)
            _tell(tx, place, CardChanged(card_id=row.card_id, is_there=True), row.version)


def _tell_gone(tx: Tx, place: tuple[str, str], gone: Sequence[tuple[str, int]]) -> None:
    for card_id, version in gone:
        _tell(tx, place, CardChanged(card_id=card_id, is_there=False), version)


def _tell(tx: Tx, place: tuple[str, str], event: CardChanged, version: int) -> None:
    # nothing came in at the door: what was seen is the cause
    origin = Origin(*place, ids.new("obs"), ids.trace_parent())
    tx.publish(Envelope.of(event, origin, subject=event.card_id, seq=version, at=tx.now))


def _listed(account: Account, card: Fields) -> CardRow | None:
    platform_id, title, media_id = card.get("card_id"), card.get("title"), card.get("media_id")
    if not isinstance(platform_id, str) or not platform_id:
        return None
    codes = card.get("components")
    names = [_NAMES.get(number(c) or 0) for c in (codes if isinstance(codes, list) else [])]
    return CardRow(
        account.organization_id,
        account.account_id,
        ids.new("card"),
        platform_id,
        title if isinstance(title, str) else "",
        media_id if isinstance(media_id, str) else "",
        [name for name in names if name is not None],
        number(card.get("status")),
    )
