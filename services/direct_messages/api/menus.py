"""The menu of an account, as one document."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from pydantic import Field

from services.direct_messages import actions
from services.direct_messages.actions import TooManyRules
from services.direct_messages.api.callers import Keeper, MessageDeps, Reader
from services.direct_messages.api.items import ItemIn, ReplyItemOut, item_out, reply_of
from services.direct_messages.domain.items import MenuReply
from services.direct_messages.domain.menus import Way
from services.direct_messages.domain.rules import Definition, MenuPlace, Mode, Rule, Trigger
from shared.errors import Invalid, NotFound, PreconditionFailed, PreconditionRequired
from shared.http.errors import errors
from shared.http.models import Id, RequestModel, ResponseModel, ShortText, Text
from shared.http.routing import Router
from shared.http.versions import VersionToPut

router = Router(tags=["menu"])
_PLACE = "/v1/accounts/{account_id}/menu"


class MenuEntryIn(RequestModel):
    """An entry: it answers, with replies, with a person, or both; or it opens what stands under it.

    How deep that goes is `dm.menu.max_levels`.
    """

    label: ShortText
    replies: Annotated[list[ItemIn], Field(max_length=100)] = Field(default_factory=list)
    hand_off: bool = False
    entries: Annotated[list["MenuEntryIn"], Field(max_length=100)] = Field(default_factory=list)


class MenuIn(RequestModel):
    """The whole menu. `title` stands above what an entry opens; `form` is how that is shown."""

    title: Annotated[Text, Field(min_length=1, max_length=1000)] = "请选择"
    form: Literal["card", "text"] = "card"
    entries: Annotated[list[MenuEntryIn], Field(max_length=100)]


class MenuLeafOut(ResponseModel):
    """An entry as fans see it, and the rule that answers it."""

    position: list[int]
    label: str
    rule_id: str
    replies: list[ReplyItemOut]
    hand_off: bool


class MenuEntryOut(MenuLeafOut):
    """An entry of the first level with what stands under it."""

    entries: list[MenuLeafOut]


class MenuOut(ResponseModel):
    """The menu; its ETag changes with any of its rules."""

    entries: list[MenuEntryOut]


class EntryClicks(ResponseModel):
    """How often an entry was called, and how. A tap counts as its label: Douyin tells no difference.

    An entry that stays at its position is counted on, also under another label. What answers a question of
    its flow, or comes while a person has the conversation, is no click.
    """

    position: list[int]
    label: str
    rule_id: str
    clicks: int
    ways: dict[Way, int]


class MenuClicks(ResponseModel):
    """Clicks since `since`, entry by entry, in the order of the menu."""

    since: datetime
    clicks: int
    entries: list[EntryClicks]


@router.get(_PLACE, operation_id="get_menu", responses=errors(NotFound))
async def get_menu(
    account_id: Id, caller: Reader, deps: MessageDeps, response: Response
) -> MenuOut:
    """The menu as fans see it."""
    return _out(await actions.read_menu(deps, (caller.organization_id, account_id)), response)


@router.put(
    _PLACE,
    operation_id="put_menu",
    responses=errors(*(NotFound, Invalid, TooManyRules, PreconditionFailed, PreconditionRequired)),
)
async def put_menu(
    account_id: Id,
    body: MenuIn,
    caller: Keeper,
    deps: MessageDeps,
    expected: VersionToPut,
    response: Response,
) -> MenuOut:
    """Replace the menu, as one rule set that can be restored. Rules show it by an item of kind `menu`."""
    account = (caller.organization_id, account_id)
    wanted = list(_definitions(body, body.entries, (), "#"))
    rules = await actions.put_menu(deps, account, wanted, expected, caller.key_id)
    return _out(rules, response)


@router.get(f"{_PLACE}/clicks", operation_id="get_menu_clicks", responses=errors(NotFound))
async def get_menu_clicks(
    account_id: Id,
    caller: Reader,
    deps: MessageDeps,
    days: Annotated[int, Query(ge=1, le=366, description="How far back")] = 7,
) -> MenuClicks:
    """How often fans called each entry of the menu as it is now, and how."""
    account = (caller.organization_id, account_id)
    since, rules, found = await actions.count_clicks(deps, account, days)
    counted: dict[str, dict[Way, int]] = defaultdict(dict)
    for one in found:
        counted[one.rule_id][one.way] = one.count
    entries = [
        EntryClicks(
            position=list(place.position),
            label=place.label,
            rule_id=rule.id,
            clicks=sum(counted[rule.id].values()),
            ways={way: counted[rule.id].get(way, 0) for way in Way},
        )
        for rule in rules
        if (place := rule.definition.menu) is not None
    ]
    return MenuClicks(since=since, clicks=sum(e.clicks for e in entries), entries=entries)


def _definitions(
    menu: MenuIn, entries: list[MenuEntryIn], above: tuple[int, ...], place: str
) -> Iterator[tuple[str, Definition]]:
    """Every entry as the rule that it is, with where it stands in the document."""
    for number, entry in enumerate(entries, 1):
        here, position = f"{place}/entries/{number - 1}", (*above, number)
        if entry.entries and (entry.replies or entry.hand_off):
            raise Invalid("an entry answers, or it opens entries", pointer=f"{here}/entries")
        opens = [MenuReply(menu.title, position[0], menu.form)] if entry.entries else []
        yield here, _definition(entry, position, *opens)
        yield from _definitions(menu, entry.entries, position, here)


def _definition(entry: MenuEntryIn, position: tuple[int, ...], *more: MenuReply) -> Definition:
    return Definition(
        name=entry.label,
        trigger=Trigger.MENU,
        match=None,
        keywords=(),
        pattern=None,
        mode=Mode.ALL,
        replies=(*(reply_of(reply) for reply in entry.replies), *more),
        hand_off=entry.hand_off,
        priority=0,
        enabled=True,
        menu=MenuPlace(position, entry.label),
    )


def _out(rules: list[Rule], response: Response) -> MenuOut:
    if rules:
        response.headers["ETag"] = actions.menu_tag(rules)
    placed = [(rule.definition.menu, rule) for rule in rules]
    entries = {p.position: (p, rule) for p, rule in placed if p is not None}
    below: dict[int, list[MenuLeafOut]] = {}
    for position, (place, rule) in entries.items():
        if len(position) > 1:
            below.setdefault(position[0], []).append(MenuLeafOut(**_facts(place, rule)))
    first = [(p, r) for position, (p, r) in entries.items() if len(position) == 1]
    return MenuOut(
        entries=[
            MenuEntryOut(**_facts(place, rule), entries=below.get(place.position[0], []))
            for place, rule in first
        ]
    )


def _facts(place: MenuPlace, rule: Rule) -> dict[str, Any]:
    return {
        "position": list(place.position),
        "label": place.label,
        "rule_id": rule.id,
        "replies": [item_out(reply) for reply in rule.definition.replies],
        "hand_off": rule.definition.hand_off,
    }
