"""Rules of an account, one by one. Each change is published at once, as a rule set of its own."""

from collections.abc import Sequence

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.publishing import check, check_cards, edited, lock
from services.direct_messages.domain.changes import Change, applied
from services.direct_messages.domain.matching import in_order
from services.direct_messages.domain.patterns import pattern_fault
from services.direct_messages.domain.rules import Definition, Rule
from services.direct_messages.store import Account
from shared import ids
from shared.db import ALL_TENANTS
from shared.errors import Invalid, NotFound
from shared.http.idempotency import EACH_TIME, Once
from shared.http.versions import Precondition, etag


async def list_rules(deps: Deps, account: Account) -> tuple[int, list[Rule]]:
    """The version of the rule set and its rules, in the order in which they are asked."""
    async with deps.database.transaction(account[0]) as tx:
        head = (await store.heads(tx, [account])).get(account)
        if head is None:
            raise NotFound("no such account")
        return head[1], in_order(await store.rules(tx, *account))


async def find_rule(deps: Deps, account: Account, rule_id: str) -> Rule:
    """One rule. Raises NotFound."""
    async with deps.database.transaction(account[0]) as tx:
        return _one(await store.rules(tx, *account), rule_id)


async def add_rule(
    deps: Deps,
    account: Account,
    definition: Definition,
    made_by: str,
    once: Once[Rule] = EACH_TIME,
) -> Rule:
    """A new rule. Raises Invalid, TooManyRules, NotFound, Replayed."""
    async with deps.database.transaction(account[0]) as tx:
        await once.begin(tx, account[0])
        policy = await lock(tx, account)
        check(definition, policy)
        await check_cards(tx, account, [("#", definition)], policy)
        change = Change(ids.new("rule"), None, definition)
        edit = edited(await store.rules(tx, *account), [change], policy, tx)
        await store.add_rule_set(tx, account, edit, f"+ {definition.name}", made_by)
        await once.keep(tx, account[0], edit.written[0])
        return edit.written[0]


async def change_rule(
    deps: Deps,
    account: Account,
    rule_id: str,
    wanted: tuple[Precondition, Definition],
    made_by: str,
) -> Rule:
    """The rule as it is wanted, if it still is as the caller saw it."""
    expected, definition = wanted
    async with deps.database.transaction(account[0]) as tx:
        policy = await lock(tx, account)
        rules = await store.rules(tx, *account)
        rule = _at(rules, rule_id, expected)
        check(definition, policy)
        await check_cards(tx, account, [("#", definition)], policy)
        edit = edited(rules, [Change(rule_id, rule.version, definition)], policy, tx)
        await store.add_rule_set(tx, account, edit, f"~ {definition.name}", made_by)
        return edit.written[0]


async def delete_rule(
    deps: Deps, account: Account, rule_id: str, expected: Precondition, made_by: str
) -> None:
    """The rule is gone, if it still was as the caller saw it."""
    async with deps.database.transaction(account[0]) as tx:
        policy = await lock(tx, account)
        rules = await store.rules(tx, *account)
        rule = _at(rules, rule_id, expected)
        edit = edited(rules, [Change(rule_id, rule.version, None)], policy, tx)
        await store.add_rule_set(tx, account, edit, f"- {rule.definition.name}", made_by)


async def seed_rules(
    deps: Deps, organization_id: str, account_id: str, definitions: Sequence[Definition]
) -> int:
    """Give an account that has no rules these; how many were added.

    For demo and tests: it asks no policy, so that it may come before the account's policy is heard.
    """
    for definition in definitions:
        if definition.pattern is not None and (reason := pattern_fault(definition.pattern)):
            raise Invalid(reason, pointer="#/pattern")
    account = (organization_id, account_id)
    async with deps.database.transaction(ALL_TENANTS) as tx:
        if await store.rules(tx, *account):
            return 0
        changes = [Change(ids.new("rule"), None, definition) for definition in definitions]
        await store.add_rule_set(tx, account, applied([], changes, tx.now), "seed", "siyu")
        return len(changes)


def _one(rules: list[Rule], rule_id: str) -> Rule:
    for rule in rules:
        if rule.id == rule_id:
            return rule
    raise NotFound("no such rule")


def _at(rules: list[Rule], rule_id: str, expected: Precondition) -> Rule:
    rule = _one(rules, rule_id)
    expected.check(etag(rule.version))
    return rule
