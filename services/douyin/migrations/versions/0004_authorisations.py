"""Authorisations: links for owners, what was granted, withdrawn and asked; accounts that exist."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_CHECKS = {
    "ck_binding_revoked": "(revoked_at IS NULL) = (revoked_reason IS NULL)",
    "ck_binding_needed": "(needed_reason IS NULL) = (usable_until IS NULL)"
    " AND (needed_reason IS NULL) = (needed_since IS NULL)",
}


def _columns() -> list[sa.Column[Any]]:
    return [
        sa.Column("scopes", sa.ARRAY(sa.Text()), server_default="{}", nullable=False),
        sa.Column("authorised_at", _TIME, nullable=True),
        sa.Column("renewals", sa.Integer(), server_default="0", nullable=False),
        sa.Column("revoked_reason", sa.Text(), nullable=True),
        sa.Column("needed_reason", sa.Text(), nullable=True),
        sa.Column("needed_since", _TIME, nullable=True),
        sa.Column("usable_until", _TIME, nullable=True),
        sa.Column("told", sa.Integer(), server_default="0", nullable=False),
        sa.Column("refresh_failures", sa.Integer(), server_default="0", nullable=False),
    ]


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "known_account",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("policy_version", sa.Integer(), nullable=False),
        sa.Column("policy", postgresql.JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("organization_id", "account_id", name=op.f("pk_known_account")),
        schema="douyin",
    )
    op.create_table(
        "authorisation_link",
        sa.Column("organization_id", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("client_key", sa.Text(), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("used_at", _TIME, nullable=True),
        sa.ForeignKeyConstraint(
            ["organization_id", "client_key"],
            ["douyin.app.organization_id", "douyin.app.client_key"],
            name="fk_authorisation_link_app",
        ),
        sa.PrimaryKeyConstraint(
            "organization_id", "account_id", "id", name=op.f("pk_authorisation_link")
        ),
        schema="douyin",
    )
    op.create_index(
        "ix_authorisation_link_expires_at", "authorisation_link", ["expires_at"], schema="douyin"
    )
    for column in _columns():
        op.add_column("binding", column, schema="douyin")
    # what was bound existed, and what was revoked had been refused a refresh
    op.execute(
        "INSERT INTO douyin.known_account SELECT organization_id, account_id, 0, '{}'"
        " FROM douyin.binding"
    )
    op.execute(
        "UPDATE douyin.binding SET authorised_at = updated_at WHERE access_token IS NOT NULL"
    )
    op.execute(
        "UPDATE douyin.binding SET revoked_reason = 'refused_by_platform'"
        " WHERE revoked_at IS NOT NULL"
    )
    for name, check in _CHECKS.items():
        op.create_check_constraint(op.f(name), "binding", check, schema="douyin")


def downgrade() -> None:
    """Take back."""
    for name in _CHECKS:
        op.drop_constraint(op.f(name), "binding", schema="douyin", type_="check")
    for column in _columns():
        op.drop_column("binding", column.name, schema="douyin")
    op.drop_table("authorisation_link", schema="douyin")
    op.drop_table("known_account", schema="douyin")
