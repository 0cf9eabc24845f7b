"""Several changes of rules together: drafted, reviewed, published as one rule set, taken back."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.direct_messages import store
from services.direct_messages.actions.deps import Deps
from services.direct_messages.actions.errors import NothingToPublish
from services.direct_messages.actions.publishing import check, check_cards, edited, lock
from services.direct_messages.domain.changes import Change, applied, crossed, restored
from services.direct_messages.domain.matching import in_order
from services.direct_messages.domain.policy import Policy
from services.direct_messages.domain.reviewing import Finding, review
from services.direct_messages.domain.rules import Rule
from services.direct_messages.store import Account, Draft, RuleSet
from shared import ids
from shared.db import Tx
from shared.errors import Invalid, NotFound
from shared.http.idempotency import EACH_TIME, Once
from shared.http.versions import Precondition, etag


@dataclass(frozen=True, slots=True)
class Reviewed:
    """A draft with what would come of it if it were published now."""

    draft: Draft
    rule_set: int  # the version that is published
    rules: list[Rule]  # after the draft, in the order in which they are asked
    findings: list[Finding]
    crossed: list[Change]  # whose rules somebody changed since


async def read_draft(deps: Deps, account: Account) -> Reviewed:
    """The account's draft. Raises NotFound."""
    async with deps.database.transaction(account[0]) as tx:
        head = (await store.heads(tx, [account])).get(account)
        if head is None:
            raise NotFound("no such account")
        return await _reviewed(tx, account, await store.draft(tx, account), head[1])


async def put_draft(
    deps: Deps, account: Account, expected: Precondition, changes: Sequence[Change]
) -> Reviewed:
    """Keep these changes as the draft; a new rule that has no id yet gets one.

    A change without `base` is made for the rule as it is now. Raises Invalid, TooManyRules, NotFound.
    """
    async with deps.database.transaction(account[0]) as tx:
        policy = await lock(tx, account)
        before = await store.draft(tx, account)
        expected.check(etag(before.version))
        rules = await store.rules(tx, *account)
        kept = _based(rules, before, changes)
        await _check_all(tx, account, kept, policy)
        stale = {change.rule_id for change in crossed(rules, kept)}
        edited(rules, [c for c in kept if c.rule_id not in stale], policy, tx, "#/changes")
        draft = Draft(before.version + 1, tuple(kept), tx.now)
        await store.put_draft(tx, account, draft)
        version = (await store.heads(tx, [account]))[account][1]
        return await _reviewed(tx, account, draft, version)


async def discard_draft(deps: Deps, account: Account, expected: Precondition) -> None:
    """Forget the draft. Nothing that is published changes."""
    async with deps.database.transaction(account[0]) as tx:
        await lock(tx, account)
        draft = await store.draft(tx, account)
        expected.check(etag(draft.version))
        await _empty(tx, account, draft)


async def publish_draft(
    deps: Deps,
    account: Account,
    expected: Precondition,
    note: str,
    made_by: str,
    once: Once[RuleSet] = EACH_TIME,
) -> RuleSet:
    """Let the draft hold for what fans do from now on, all of it or nothing.

    Raises NothingToPublish, DraftCrossed, Invalid, TooManyRules, NotFound, Replayed.
    """
    async with deps.database.transaction(account[0]) as tx:
        await once.begin(tx, account[0])
        policy = await lock(tx, account)
        draft = await store.draft(tx, account)
        expected.check(etag(draft.version))
        if not draft.changes:
            raise NothingToPublish("the draft is empty")
        edit = edited(await store.rules(tx, *account), draft.changes, policy, tx, "#/changes")
        # the policy may have changed since it was drafted, and cards may be gone
        await _check_all(tx, account, draft.changes, policy)
        made = await store.add_rule_set(tx, account, edit, note, made_by)
        await _empty(tx, account, draft)
        await once.keep(tx, account[0], made)
        return made


async def list_rule_sets(deps: Deps, account: Account, before: int, most: int) -> list[RuleSet]:
    """The rule sets that the account had, the newest first. Raises NotFound."""
    async with deps.database.transaction(account[0]) as tx:
        if account not in await store.heads(tx, [account]):
            raise NotFound("no such account")
        return await store.list_rule_sets(tx, account, before, most)


async def read_rule_set(deps: Deps, account: Account, version: int) -> tuple[RuleSet, list[Rule]]:
    """One rule set and its rules, as they were. Raises NotFound."""
    async with deps.database.transaction(account[0]) as tx:
        found = await _rule_set(tx, account, version)
        return found, in_order(await _rules_of(tx, account, version))


async def restore_rule_set(
    deps: Deps,
    account: Account,
    version: int,
    note: str,
    made_by: str,
    once: Once[RuleSet] = EACH_TIME,
) -> RuleSet:
    """A new rule set with the rules of an earlier one.

    Raises NotFound, NothingToPublish, Invalid, Replayed.
    """
    async with deps.database.transaction(account[0]) as tx:
        await once.begin(tx, account[0])
        policy = await lock(tx, account)
        await _rule_set(tx, account, version)
        earlier = await _rules_of(tx, account, version)
        versions = await store.highest_versions(tx, account)
        edit = restored(await store.rules(tx, *account), earlier, versions, tx.now)
        if not edit.written and not edit.gone:
            raise NothingToPublish(f"the rules are those of rule set {version} already")
        for rule in edit.written:  # the policy may have changed since then
            check(rule.definition, policy)
        await check_cards(tx, account, [("#", rule.definition) for rule in edit.written], policy)
        made = await store.add_rule_set(tx, account, edit, note, made_by, version)
        await once.keep(tx, account[0], made)
        return made


async def _check_all(tx: Tx, account: Account, changes: Sequence[Change], policy: Policy) -> None:
    """Raise Invalid for the first thing that is wrong with rules of a draft."""
    placed = [
        (f"#/changes/{number}/rule", change.definition)
        for number, change in enumerate(changes)
        if change.definition is not None
    ]
    for place, definition in placed:
        check(definition, policy, place)
    await check_cards(tx, account, placed, policy)


def _based(rules: list[Rule], before: Draft, changes: Sequence[Change]) -> list[Change]:
    """The changes with ids and bases, each rule once. Raises Invalid."""
    versions = {rule.id: rule.version for rule in rules}
    drafted = {c.rule_id for c in before.changes if c.base is None and c.definition is not None}
    kept, seen = [], set()
    for number, change in enumerate(changes):
        place = f"#/changes/{number}"
        rule_id = change.rule_id or ids.new("rule")
        if rule_id in seen:
            raise Invalid("one change a rule", pointer=f"{place}/rule_id")
        seen.add(rule_id)
        is_new = not change.rule_id or rule_id in drafted
        if not is_new and rule_id not in versions and change.base is None:
            raise Invalid("no such rule", pointer=f"{place}/rule_id")
        if is_new and rule_id not in versions and change.definition is None:
            raise Invalid("a rule that is not published cannot be deleted", pointer=f"{place}/rule")
        base = change.base if change.base is not None else versions.get(rule_id)
        kept.append(Change(rule_id, base, change.definition))
    return kept


async def _reviewed(tx: Tx, account: Account, draft: Draft, version: int) -> Reviewed:
    rules = await store.rules(tx, *account)
    lost = crossed(rules, draft.changes)
    stale = {change.rule_id for change in lost}
    kept = [change for change in draft.changes if change.rule_id not in stale]
    after = applied(rules, kept, tx.now).rules
    return Reviewed(draft, version, in_order(after), review(after), lost)


async def _empty(tx: Tx, account: Account, draft: Draft) -> None:
    await store.put_draft(tx, account, Draft(draft.version + 1, (), tx.now))


async def _rule_set(tx: Tx, account: Account, version: int) -> RuleSet:
    found = await store.rule_set(tx, account, version)
    if found is None:
        raise NotFound("no such rule set")
    return found


async def _rules_of(tx: Tx, account: Account, version: int) -> list[Rule]:
    key = (*account, version)
    return (await store.rule_sets(tx, [key])).get(key, [])
