"""A change of a rule keeps that rule's new state, no longer all rules; drafts."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# A rule's id and version stand for one state, and it was in the rule sets of one stretch.
_FILL = """
INSERT INTO direct_messages.rule (organization_id, account_id, id, since, until, version, definition,
  created_at, updated_at)
SELECT s.organization_id, s.account_id, r ->> 'id', min(s.version),
  CASE WHEN max(s.version) < a.rule_set_version THEN max(s.version) + 1 END,
  (r ->> 'version')::int, r - '{id,version,created_at,updated_at}'::text[],
  (r ->> 'created_at')::timestamptz, (r ->> 'updated_at')::timestamptz
FROM direct_messages.rule_set s
JOIN direct_messages.account a USING (organization_id, account_id)
CROSS JOIN jsonb_array_elements(s.rules) r
GROUP BY s.organization_id, s.account_id, a.rule_set_version, r
"""
# back: the rules as they are, and each rule set whole
_FILL_SETS = """
UPDATE direct_messages.rule_set s SET rules = coalesce((
  SELECT jsonb_agg(r.definition || jsonb_build_object('id', r.id, 'version', r.version,
    'created_at', r.created_at, 'updated_at', r.updated_at))
  FROM direct_messages.rule r WHERE r.organization_id = s.organization_id
  AND r.account_id = s.account_id AND r.since <= s.version AND (r.until IS NULL OR r.until > s.version)
), '[]')
"""
_SCHEMA = "direct_messages"


def upgrade() -> None:
    """Apply."""
    op.drop_constraint("pk_rule", "rule", schema=_SCHEMA)
    op.add_column("rule", sa.Column("since", sa.Integer()), schema=_SCHEMA)
    op.add_column("rule", sa.Column("until", sa.Integer()), schema=_SCHEMA)
    op.add_column("rule", sa.Column("paused", sa.Text()), schema=_SCHEMA)
    op.execute("DELETE FROM direct_messages.rule")  # each is in the newest rule set, too
    op.execute(_FILL)
    op.create_primary_key(
        "pk_rule", "rule", ["organization_id", "account_id", "id", "since"], schema=_SCHEMA
    )
    op.create_check_constraint(op.f("ck_rule_until"), "rule", "until > since", schema=_SCHEMA)
    op.create_index(
        "uq_rule_published",
        "rule",
        ["organization_id", "account_id", "id"],
        unique=True,
        postgresql_where=sa.text("until IS NULL"),
        schema=_SCHEMA,
    )
    for name, kind, default in (
        ("note", sa.Text(), ""),
        ("made_by", sa.Text(), ""),
        ("changes", sa.Integer(), "0"),
    ):
        column = sa.Column(name, kind, nullable=False, server_default=default)
        op.add_column("rule_set", column, schema=_SCHEMA)
        op.alter_column("rule_set", name, server_default=None, schema=_SCHEMA)
    op.add_column("rule_set", sa.Column("restores", sa.Integer()), schema=_SCHEMA)
    op.drop_column("rule_set", "rules", schema=_SCHEMA)
    op.create_table(
        "rule_draft",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changes", JSONB(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("organization_id", "account_id", name=op.f("pk_rule_draft")),
        schema=_SCHEMA,
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("rule_draft", schema=_SCHEMA)
    op.add_column("rule_set", sa.Column("rules", JSONB()), schema=_SCHEMA)
    op.execute(_FILL_SETS)
    op.alter_column("rule_set", "rules", nullable=False, schema=_SCHEMA)
    for name in ("note", "made_by", "changes", "restores"):
        op.drop_column("rule_set", name, schema=_SCHEMA)
    op.execute("DELETE FROM direct_messages.rule WHERE until IS NOT NULL")
    op.drop_index("uq_rule_published", "rule", schema=_SCHEMA)
    op.drop_constraint("pk_rule", "rule", schema=_SCHEMA)
    for name in ("since", "until", "paused"):
        op.drop_column("rule", name, schema=_SCHEMA)
    op.create_primary_key(
        "pk_rule", "rule", ["organization_id", "account_id", "id"], schema=_SCHEMA
    )
