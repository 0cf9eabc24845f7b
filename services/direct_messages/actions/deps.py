"""What the actions work with, and the accounts' rules and policies made ready once a version."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from services.direct_messages import store
from services.direct_messages.actions.bell import Bell
from services.direct_messages.clients import Quota
from services.direct_messages.domain.matching import CompiledRules, compile_rules
from services.direct_messages.domain.policy import Policy, policy_of
from services.direct_messages.store import Account
from shared.db import Database, Tx
from shared.sealing import Sealer

_KEPT = 1_000  # versions of each kind in memory
Version = tuple[str, str, int]  # organization, account, version


@dataclass(frozen=True, slots=True)
class Setting:
    """What an account decides by: its policy and its rules, as they are now."""

    policy: Policy
    rules: CompiledRules


class Catalogue:
    """Policies and compiled rule sets by version. A version never changes, so none grows old."""

    def __init__(self) -> None:
        self._policies: OrderedDict[Version, Policy] = OrderedDict()
        self._rules: OrderedDict[Version, CompiledRules] = OrderedDict()

    async def settings(self, tx: Tx, accounts: Iterable[Account]) -> dict[Account, Setting]:
        """The settings of the accounts whose policy is known."""
        heads = await store.heads(tx, accounts)
        known = {account: head for account, head in heads.items() if head[0]}
        policies = {(*account, head[0]) for account, head in known.items()}
        rule_sets = {(*account, head[1]) for account, head in known.items()}
        # what is used is kept here: others may trim the caches while we wait for PostgreSQL
        used_policies = {v: self._policies[v] for v in policies & self._policies.keys()}
        used_rules = {v: self._rules[v] for v in rule_sets & self._rules.keys()}
        if missing := policies - used_policies.keys():
            for version, values in (await store.policy_values(tx, missing)).items():
                used_policies[version] = policy_of(version[2], values)
        if missing := rule_sets - used_rules.keys():
            found = await store.rule_sets(tx, missing)
            for version in missing:  # the rule set 0 is empty and not stored
                used_rules[version] = compile_rules(version[2], found.get(version, ()))
        _remember(self._policies, used_policies)
        _remember(self._rules, used_rules)
        return {
            account: Setting(used_policies[*account, head[0]], used_rules[*account, head[1]])
            for account, head in known.items()
        }


def _remember(cache: OrderedDict[Version, Any], used: dict[Version, Any]) -> None:
    cache.update(used)
    for version in used:
        cache.move_to_end(version)
    while len(cache) > max(_KEPT, len(used)):
        cache.popitem(last=False)


@dataclass(frozen=True)
class Deps:
    """The service's own database, quota to ask, and the seal of texts on the carrier."""

    database: Database
    quota: Quota
    sealer: Sealer
    catalogue: Catalogue = field(default_factory=Catalogue)
    bell: Bell = field(default_factory=Bell)
