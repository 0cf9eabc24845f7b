"""Changes of a rule set: what a draft holds, what they make of the rules, and how to go back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.direct_messages.domain.rules import (
    Definition,
    Rule,
    dump_definition,
    load_definition,
)


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one rule: a new definition, or none to delete it."""

    rule_id: str
    base: int | None  # the version of the rule that it was made for; none for a new rule
    definition: Definition | None


@dataclass(frozen=True, slots=True)
class Edit:
    """A rule set after changes: all its rules, those that are written, the ids of those that end."""

    rules: tuple[Rule, ...]
    written: tuple[Rule, ...] = ()
    gone: tuple[str, ...] = ()


def applied(rules: Sequence[Rule], changes: Iterable[Change], now: datetime) -> Edit:
    """The rules after `changes`; a rule that somebody changed is no longer paused."""
    known = {rule.id: rule for rule in rules}
    after, written, gone = dict(known), [], []
    for change in changes:
        old = known.get(change.rule_id)
        if change.definition is None:
            after.pop(change.rule_id, None)
            gone.append(change.rule_id)
            continue
        new = Rule(change.rule_id, 1, now, now, change.definition)
        if old is not None:
            new = replace(new, version=old.version + 1, created_at=old.created_at)
        after[new.id] = new
        written.append(new)
    return Edit(tuple(after.values()), tuple(written), tuple(gone))


def crossed(rules: Iterable[Rule], changes: Iterable[Change]) -> list[Change]:
    """Those changes whose rule is no longer as it was when they were made."""
    versions = {rule.id: rule.version for rule in rules}
    return [change for change in changes if versions.get(change.rule_id) != change.base]


def paused(rules: Sequence[Rule], rule_id: str, why: str, now: datetime) -> Edit:
    """The rules with this one put aside; nothing changes if it does not fire."""
    after, written = [], []
    for rule in rules:
        kept = rule
        if rule.id == rule_id and rule.fires:
            kept = replace(rule, version=rule.version + 1, updated_at=now, paused=why)
            written.append(kept)
        after.append(kept)
    return Edit(tuple(after), tuple(written))


def restored(
    rules: Sequence[Rule], earlier: Sequence[Rule], versions: Mapping[str, int], now: datetime
) -> Edit:
    """What makes `rules` the `earlier` ones again; `versions` are the highest that rules ever had."""
    known = {rule.id: rule for rule in rules}
    after, written = [], []
    for then in earlier:
        live = known.pop(then.id, None)
        if live is None or (live.definition, live.paused) != (then.definition, then.paused):
            live = replace(then, version=versions[then.id] + 1, updated_at=now)
            written.append(live)
        after.append(live)
    return Edit(tuple(after), tuple(written), tuple(known))


def dump_change(change: Change) -> dict[str, Any]:
    """The change as JSON values."""
    definition = dump_definition(change.definition) if change.definition else None
    return {"rule_id": change.rule_id, "base": change.base, "definition": definition}


def load_change(record: Mapping[str, Any]) -> Change:
    """The change that `dump_change` wrote."""
    definition = record["definition"]
    return Change(
        record["rule_id"], record["base"], load_definition(definition) if definition else None
    )
