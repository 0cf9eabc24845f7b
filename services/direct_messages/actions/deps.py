"""What the actions work with, and the accounts' rules and policies made ready once a version."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from services.direct_messages import store
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
        if missing := policies - self._policies.keys():
            for version, values in (await store.policy_values(tx, missing)).items():
                self._policies[version] = policy_of(version[2], values)
        if missing := rule_sets - self._rules.keys():
            found = await store.rule_sets(tx, missing)
            for version in missing:  # the rule set 0 is empty and not stored
                self._rules[version] = compile_rules(version[2], found.get(version, ()))
        settings = {
            account: Setting(
                self._policies[*account, head[0]],
                self._rules[*account, head[1]],
            )
            for account, head in known.items()
        }
        _trim(self._policies, policies)
        _trim(self._rules, rule_sets)
        return settings


def _trim(cache: OrderedDict[Version, Any], used: set[Version]) -> None:
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
