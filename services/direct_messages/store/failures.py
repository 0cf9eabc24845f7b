"""What the platform refused of rules, until it takes something of them again."""

from dataclasses import dataclass

import sqlalchemy as sa

from services.direct_messages.store.rows import read
from services.direct_messages.store.tables import Account
from shared.db import Tx

_COUNT = sa.text(
    "INSERT INTO rule_failure (organization_id, account_id, rule_id, rule_version, failures, first_message_id)"
    " VALUES (:org, :acc, :rule, :version, 1, :message)"
    " ON CONFLICT (organization_id, account_id, rule_id) DO UPDATE SET"
    " failures = CASE WHEN rule_failure.rule_version = excluded.rule_version"
    "  THEN rule_failure.failures + 1 ELSE 1 END,"
    " first_message_id = CASE WHEN rule_failure.rule_version = excluded.rule_version"
    "  THEN rule_failure.first_message_id ELSE excluded.first_message_id END,"
    " rule_version = excluded.rule_version"
    " RETURNING rule_id, rule_version, failures, first_message_id"
)
# By the primary key, from the first refusal on: as much as was decided since then. An answer is taken with its
# last item: the text before a card that is gone is taken each time.
_TAKEN_SINCE = sa.text(
    "SELECT 1 FROM decision d JOIN operation o ON o.organization_id = d.organization_id"
    " AND o.account_id = d.account_id AND o.id = d.operation_id"
    " JOIN message m ON m.organization_id = o.organization_id"
    " AND m.account_id = o.account_id AND m.operation_id = o.id AND m.item = o.items - 1"
    " WHERE d.organization_id = :org AND d.account_id = :acc AND d.message_id >= :first"
    " AND d.rule_id = :rule AND m.operation_id IS NOT NULL AND m.state = 'sent' LIMIT 1"
)
_FORGET = sa.text(
    "DELETE FROM rule_failure WHERE organization_id = :org AND account_id = :acc AND rule_id = :rule"
)


@dataclass(frozen=True, slots=True)
class Failures:
    """How often a rule was refused, and since which message."""

    rule_id: str
    rule_version: int
    failures: int
    first_message_id: str


async def count_failure(
    tx: Tx, account: Account, rule: tuple[str, int], message_id: str
) -> Failures:
    """One more refusal of the rule (id, version), on the answer to this message."""
    asked = {
        "org": account[0],
        "acc": account[1],
        "rule": rule[0],
        "version": rule[1],
        "message": message_id,
    }
    counted: Failures = read(Failures, (await tx.execute(_COUNT, asked)).one())
    return counted


async def was_taken_since(tx: Tx, account: Account, found: Failures) -> bool:
    """Whether the platform took a whole answer of the rule since it was first refused."""
    asked = {"org": account[0], "acc": account[1], "rule": found.rule_id}
    rows = await tx.execute(_TAKEN_SINCE, {**asked, "first": found.first_message_id})
    return rows.first() is not None


async def forget_failures(tx: Tx, account: Account, rule_id: str) -> None:
    """The rule is counted anew."""
    await tx.execute(_FORGET, {"org": account[0], "acc": account[1], "rule": rule_id})
