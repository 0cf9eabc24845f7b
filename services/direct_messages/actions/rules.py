"""Rules of an account. Every change keeps the whole rule set as its next version."""

from collections.abc import Sequence
from dataclasses import replace

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.errors import TooManyRules
from services.direct_messages.domain.matching import in_order
from services.direct_messages.domain.policy import Policy, policy_of
from services.direct_messages.domain.rules import Definition, Rule, faults, pattern_fault, set_fault
from services.direct_messages.store import Account
from shared import ids
from shared.db import ALL_TENANTS, Tx
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
    deps: Deps, account: Account, definition: Definition, once: Once[Rule] = EACH_TIME
) -> Rule:
    """A new rule. Raises Invalid, TooManyRules, NotFound, Replayed."""
    async with deps.database.transaction(account[0]) as tx:
        await once.begin(tx, account[0])
        policy = await _lock(tx, account)
        _check(definition, policy)
        rules = await store.rules(tx, *account)
        if len(rules) >= policy.rules_max:
            raise TooManyRules(f"at most {policy.rules_max} rules", limit=policy.rules_max)
        rule = Rule(ids.new("rule"), 1, tx.now, tx.now, definition)
        await _save(tx, account, [*rules, rule], [rule])
        await once.keep(tx, account[0], rule)
        return rule


async def change_rule(
    deps: Deps,
    account: Account,
    rule_id: str,
    expected: Precondition,
    definition: Definition,
) -> Rule:
    """The rule as `definition`, if it still is as the caller saw it."""
    async with deps.database.transaction(account[0]) as tx:
        policy = await _lock(tx, account)
        rules = await store.rules(tx, *account)
        rule = _at(rules, rule_id, expected)
        _check(definition, policy)
        changed = replace(rule, version=rule.version + 1, updated_at=tx.now, definition=definition)
        await _save(tx, account, [changed if r is rule else r for r in rules], [changed])
        return changed


async def delete_rule(deps: Deps, account: Account, rule_id: str, expected: Precondition) -> None:
    """The rule is gone, if it still was as the caller saw it."""
    async with deps.database.transaction(account[0]) as tx:
        await _lock(tx, account)
        rules = await store.rules(tx, *account)
        rule = _at(rules, rule_id, expected)
        await store.drop_rule(tx, *account, rule_id)
        await _save(tx, account, [r for r in rules if r is not rule], [])


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
        rules = [Rule(ids.new("rule"), 1, tx.now, tx.now, d) for d in definitions]
        await _save(tx, account, rules, rules)
        return len(rules)


async def _lock(tx: Tx, account: Account) -> Policy:
    """The account's policy; changes of its rules come one after the other. Raises NotFound."""
    head = await store.lock_account(tx, *account)
    if head is None or not head[0]:
        raise NotFound("no such account")
    values = await store.policy_values(tx, [(*account, head[0])])
    return policy_of(head[0], values[*account, head[0]])


async def _save(tx: Tx, account: Account, rules: list[Rule], changed: list[Rule]) -> None:
    if fault := set_fault(rules):
        raise Invalid(fault.detail, pointer=fault.pointer)
    if changed:
        await store.put_rules(tx, *account, changed)
    await store.new_rule_set(tx, *account, rules)


def _check(definition: Definition, policy: Policy) -> None:
    fault = next(faults(definition, policy), None)
    if fault is not None:
        raise Invalid(fault.detail, pointer=fault.pointer)


def _one(rules: list[Rule], rule_id: str) -> Rule:
    for rule in rules:
        if rule.id == rule_id:
            return rule
    raise NotFound("no such rule")


def _at(rules: list[Rule], rule_id: str, expected: Precondition) -> Rule:
    rule = _one(rules, rule_id)
    expected.check(etag(rule.version))
    return rule
