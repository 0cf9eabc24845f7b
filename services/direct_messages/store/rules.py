"""Rules with every state that they had, rule sets, and the draft of the next one."""

# ruff: noqa: S608  statements are put together from constants only

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from services.direct_messages.domain.changes import Change, Edit, dump_change, load_change
from services.direct_messages.domain.rules import Rule, dump_definition, load_definition
from services.direct_messages.store import tables
from services.direct_messages.store.rows import as_rows, columns, insert, read
from services.direct_messages.store.tables import Account
from shared.db import Row, Tx

RuleSetKey = tuple[str, str, int]  # organization, account, version

_TENANT = "organization_id = :org AND account_id = :acc"
_RULE = "x.id, x.version, x.definition, x.created_at, x.updated_at, x.paused"
_LIVE = sa.text(f"SELECT {_RULE} FROM rule x WHERE {_TENANT} AND until IS NULL")
_VERSIONS = "unnest(CAST(:org AS text[]), CAST(:acc AS text[]), CAST(:version AS int[])) k(o, a, v)"
_THEN = sa.text(
    f"SELECT k.o, k.a, k.v, {_RULE} FROM {_VERSIONS}"
    " JOIN rule x ON x.organization_id = k.o AND x.account_id = k.a"
    " AND x.since <= k.v AND (x.until IS NULL OR x.until > k.v)"
)
_HIGHEST = sa.text(f"SELECT id, max(version) FROM rule WHERE {_TENANT} GROUP BY id")
_RAISE = sa.text(
    "INSERT INTO account (organization_id, account_id, policy_version, rule_set_version)"
    " VALUES (:org, :acc, 0, 1) ON CONFLICT (organization_id, account_id) DO UPDATE"
    " SET rule_set_version = account.rule_set_version + 1 RETURNING rule_set_version"
)
_END = sa.text(
    f"UPDATE rule SET until = :version WHERE {_TENANT} AND until IS NULL"
    " AND id = ANY(CAST(:ids AS text[]))"
)
_ADD = insert(tables.rules)
_ADD_SET = insert(tables.rule_sets)
_SET_FIELDS = "version, created_at, note, made_by, restores, changes"
_SET = sa.text(f"SELECT {_SET_FIELDS} FROM rule_set WHERE {_TENANT} AND version = :version")
_SETS = sa.text(
    f"SELECT {_SET_FIELDS} FROM rule_set WHERE {_TENANT} AND version < :before"
    " ORDER BY version DESC LIMIT :most"
)
_DRAFT = sa.text(f"SELECT version, changes, updated_at FROM rule_draft WHERE {_TENANT}")
_PUT_DRAFT = insert(
    tables.rule_drafts,
    "ON CONFLICT (organization_id, account_id) DO UPDATE SET version = excluded.version,"
    " changes = excluded.changes, updated_at = excluded.updated_at",
)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """One version of an account's rules: when, by whom and why it was made."""

    version: int
    created_at: datetime
    note: str
    made_by: str  # the key of who did it, or a word of ours
    restores: int | None  # the earlier version that it is again
    changes: int  # how many rules it wrote or ended


@dataclass(frozen=True, slots=True)
class Draft:
    """Changes that are not published yet; `version` grows with every edit."""

    version: int
    changes: tuple[Change, ...]
    updated_at: datetime | None


def _rule(row: Row) -> Rule:
    definition = load_definition(row.definition)
    return Rule(row.id, row.version, row.created_at, row.updated_at, definition, row.paused)


async def rules(tx: Tx, organization_id: str, account_id: str) -> list[Rule]:
    """The account's rules as they are published, in no order."""
    found = await tx.execute(_LIVE, {"org": organization_id, "acc": account_id})
    return [_rule(row) for row in found]


async def rule_sets(tx: Tx, wanted: Iterable[RuleSetKey]) -> dict[RuleSetKey, list[Rule]]:
    """The rules of these rule sets; one that has none is left out."""
    found = await tx.execute(_THEN, columns(sorted(set(wanted)), "org acc version"))
    sets: dict[RuleSetKey, list[Rule]] = {}
    for row in found:
        sets.setdefault((row.o, row.a, row.v), []).append(_rule(row))
    return sets


async def highest_versions(tx: Tx, account: Account) -> dict[str, int]:
    """The highest version that each rule, also of those that are gone, ever had."""
    found = await tx.execute(_HIGHEST, {"org": account[0], "acc": account[1]})
    return {row[0]: row[1] for row in found}


async def add_rule_set(
    tx: Tx, account: Account, edit: Edit, note: str, made_by: str, restores: int | None = None
) -> RuleSet:
    """Make the account's next rule set of an edit. It costs as much as was changed."""
    tenant = {"org": account[0], "acc": account[1]}
    version = int((await tx.execute(_RAISE, tenant)).scalar())
    ended = [*(rule.id for rule in edit.written), *edit.gone]
    await tx.execute(_END, {**tenant, "version": version, "ids": ended})
    await tx.execute(_ADD, as_rows([_state(account, rule, version) for rule in edit.written]))
    made = RuleSet(version, tx.now, note, made_by, restores, len(ended))
    row = {
        "organization_id": account[0],
        "account_id": account[1],
        "version": version,
        "created_at": tx.now,
        "note": note,
        "made_by": made_by,
        "restores": restores,
        "changes": len(ended),
    }
    await tx.execute(_ADD_SET, as_rows([row]))
    return made


def _state(account: Account, rule: Rule, since: int) -> dict[str, Any]:
    return {
        "organization_id": account[0],
        "account_id": account[1],
        "id": rule.id,
        "since": since,
        "until": None,
        "version": rule.version,
        "definition": dump_definition(rule.definition),
        "created_at": rule.created_at,
        "updated_at": rule.updated_at,
        "paused": rule.paused,
    }


async def rule_set(tx: Tx, account: Account, version: int) -> RuleSet | None:
    """One rule set, without its rules."""
    asked = {"org": account[0], "acc": account[1], "version": version}
    row = (await tx.execute(_SET, asked)).first()
    return read(RuleSet, row) if row else None


async def list_rule_sets(tx: Tx, account: Account, before: int, most: int) -> list[RuleSet]:
    """The rule sets below `before`, the newest first."""
    asked = {"org": account[0], "acc": account[1], "before": before, "most": most}
    return [read(RuleSet, row) for row in await tx.execute(_SETS, asked)]


async def draft(tx: Tx, account: Account) -> Draft:
    """The account's draft; an empty one where nobody ever began."""
    row = (await tx.execute(_DRAFT, {"org": account[0], "acc": account[1]})).first()
    if row is None:
        return Draft(0, (), None)
    return Draft(row.version, tuple(load_change(c) for c in row.changes), row.updated_at)


async def put_draft(tx: Tx, account: Account, kept: Draft) -> None:
    """Write the draft in the place of the former one."""
    row = {
        "organization_id": account[0],
        "account_id": account[1],
        "version": kept.version,
        "changes": [dump_change(change) for change in kept.changes],
        "updated_at": kept.updated_at,
    }
    await tx.execute(_PUT_DRAFT, as_rows([row]))
