"""The menu of an account as one tree: read, and replaced as one rule set."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.publishing import check, check_cards, edited, lock
from services.direct_messages.actions.reporting import REPORT_SECONDS
from services.direct_messages.domain.changes import Change
from services.direct_messages.domain.menus import Position, menu_of
from services.direct_messages.domain.policy import Policy
from services.direct_messages.domain.rules import Definition, Rule
from services.direct_messages.domain.texts import Form
from services.direct_messages.store import Account, Clicks
from shared import ids
from shared.errors import Invalid, NotFound
from shared.http.versions import Precondition, tag_of


async def read_menu(deps: Deps, account: Account) -> list[Rule]:
    """The rules of the menu as fans see it, in their order. Raises NotFound."""
    async with deps.database.transaction(account[0]) as tx:
        if account not in await store.heads(tx, [account]):
            raise NotFound("no such account")
        return _menu(await store.rules(tx, *account))


async def put_menu(
    deps: Deps,
    account: Account,
    wanted: Sequence[tuple[str, Definition]],
    expected: Precondition,
    made_by: str,
) -> list[Rule]:
    """The menu with these entries (JSON pointer, definition) and no others, published at once.

    An entry that stays at its position keeps its rule, and with it what was counted.
    Raises NotFound, Invalid, TooManyRules, PreconditionFailed, PreconditionRequired.
    """
    async with deps.database.transaction(account[0]) as tx:
        policy = await lock(tx, account)
        rules = await store.rules(tx, *account)
        live = _menu(rules)
        expected.check(menu_tag(live) if live else None)
        for place, definition in wanted:
            _check(definition, policy, place)
        await check_cards(tx, account, wanted, policy)
        changes = _changes(rules, live, [definition for _, definition in wanted])
        if not changes:
            return live
        edit = edited(rules, changes, policy, tx)
        await store.add_rule_set(tx, account, edit, "menu", made_by)
        return _menu(edit.rules)


async def count_clicks(
    deps: Deps, account: Account, days: int
) -> tuple[datetime, list[Rule], list[Clicks]]:
    """Since when, the menu as it is, and how often fans called its entries since then. Raises NotFound."""
    async with deps.database.transaction(account[0], seconds=REPORT_SECONDS) as tx:
        if account not in await store.heads(tx, [account]):
            raise NotFound("no such account")
        since = tx.now - timedelta(days=days)
        entries = _menu(await store.rules(tx, *account))
        found = await store.clicks(tx, account, since, [rule.id for rule in entries])
        return since, entries, found


def _check(definition: Definition, policy: Policy, place: str) -> None:
    """Raise Invalid for the first thing that is wrong with an entry at `place` of the document."""
    try:
        check(definition, policy)
    except Invalid as wrong:
        pointer = (wrong.pointer or "#").replace("#/menu/label", "#/label")
        pointer = "#" if pointer.startswith("#/menu/") else pointer  # one entry too many
        wrong.pointer = place + pointer.removeprefix("#")
        raise


def menu_tag(rules: Sequence[Rule]) -> str:
    """The version of a menu: it changes with any of its rules."""
    return tag_of([(rule.id, rule.version) for rule in rules])


def _menu(rules: Sequence[Rule]) -> list[Rule]:
    placed = enumerate(sorted((rule for rule in rules if rule.fires), key=lambda r: r.place))
    return [entry.rule for entry in menu_of(placed, Form.CHINESE).entries]


def _changes(
    rules: Sequence[Rule], live: Sequence[Rule], wanted: Sequence[Definition]
) -> list[Change]:
    """What makes these entries the menu; rules behind another at their position go, too."""
    kept = {_position(rule.definition): rule for rule in live}
    changes, taken = [], set()
    for definition in wanted:
        old = kept.get(_position(definition))
        if old is None:
            changes.append(Change(ids.new("rule"), None, definition))
            continue
        taken.add(old.id)
        if old.definition != definition:
            changes.append(Change(old.id, old.version, definition))
    gone = [rule for rule in rules if rule.definition.menu and rule.id not in taken]
    return [*changes, *(Change(rule.id, rule.version, None) for rule in gone)]


def _position(definition: Definition) -> Position:
    if definition.menu is None:
        raise Invalid("an entry without a place", pointer="#/entries")
    return definition.menu.position
