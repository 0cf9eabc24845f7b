"""What every change of rules must pass before it is kept as the next rule set."""

from collections.abc import Iterable, Sequence

from services.direct_messages import store
from services.direct_messages.actions.errors import DraftCrossed, TooManyRules
from services.direct_messages.domain.cards import card_faults, cards_of
from services.direct_messages.domain.changes import Change, Edit, applied, crossed
from services.direct_messages.domain.checking import faults, set_fault
from services.direct_messages.domain.items import Fault
from services.direct_messages.domain.policy import Policy, policy_of
from services.direct_messages.domain.rules import Definition, Rule
from services.direct_messages.store import Account
from shared.db import Tx
from shared.errors import Invalid, NotFound


async def lock(tx: Tx, account: Account) -> Policy:
    """The account's policy; changes of its rules come one after the other. Raises NotFound."""
    head = await store.lock_account(tx, *account)
    if head is None or not head[0]:
        raise NotFound("no such account")
    values = await store.policy_values(tx, [(*account, head[0])])
    return policy_of(head[0], values[*account, head[0]])


def check(definition: Definition, policy: Policy, place: str = "#") -> None:
    """Raise Invalid for the first thing that is wrong; `place` is where the rule stands."""
    for fault in faults(definition, policy):
        raise _invalid(fault, definition, place)


async def check_cards(
    tx: Tx, account: Account, placed: Sequence[tuple[str, Definition]], policy: Policy
) -> None:
    """Raise Invalid for the first card, of rules at these places, that is not the account's."""
    named = {card_id for _, definition in placed for card_id in cards_of(definition).values()}
    if not named:
        return
    known = await store.known_cards(tx, account, named)
    for place, definition in placed:
        for fault in card_faults(definition, account[1], known, policy):
            raise _invalid(fault, definition, place)


def _invalid(fault: Fault, definition: Definition, place: str) -> Invalid:
    pointer = place + fault.pointer.removeprefix("#")
    return Invalid(fault.detail, pointer=pointer, rule=definition.name, policy_key=fault.policy_key)


def edited(
    rules: Sequence[Rule], changes: Iterable[Change], policy: Policy, tx: Tx, place: str = "#"
) -> Edit:
    """The rules after these changes. Raises DraftCrossed, Invalid, TooManyRules."""
    changes = list(changes)
    if lost := crossed(rules, changes):
        raise DraftCrossed(
            "rules were changed since the draft was made of them",
            rules=[change.rule_id for change in lost],
        )
    edit = applied(rules, changes, tx.now)
    if len(edit.rules) > max(policy.rules_max, len(rules)):
        raise TooManyRules(
            f"at most {policy.rules_max} rules",
            limit=policy.rules_max,
            policy_key="dm.rules.max_per_account",
        )
    if fault := set_fault(edit.rules):
        raise Invalid(fault.detail, pointer=place + fault.pointer.removeprefix("#"))
    return edit
