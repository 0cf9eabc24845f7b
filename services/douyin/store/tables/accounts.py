"""Tables of apps, accounts and authorisations, and of the calls that apps may make."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from services.douyin.store.tables.schema import NOW, TIME, metadata

app = sa.Table(
    "app",  # a Douyin app; its webhooks come in under its client key
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("client_key", sa.Text, primary_key=True),
    sa.Column("secrets", sa.ARRAY(sa.Text), nullable=False),  # sealed; two while one is rotated
    sa.Column("max_event_age_hours", sa.Integer),  # NULL: no limit, and windows open at arrival
    sa.Column("calls_per_second", sa.Integer),  # NULL: nobody said that there is a limit
    sa.Column("client_token", sa.Text),  # sealed
    sa.Column("client_token_expires_at", TIME),
    sa.Column("refreshing_until", TIME),
    sa.Column("updated_at", TIME, nullable=False, server_default=NOW),
    sa.UniqueConstraint("client_key", name="uq_app_client_key"),
    sa.CheckConstraint("cardinality(secrets) BETWEEN 1 AND 2", name="secrets"),
    sa.CheckConstraint("calls_per_second > 0", name="calls_per_second"),
)

business_token = sa.Table(
    "business_token",  # an account that acts for a business relation, by a token of its own (sealed)
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False),  # that somebody wants
    sa.Column("granted", sa.ARRAY(sa.Text), nullable=False, server_default="{}"),
    sa.Column("token", sa.Text),
    sa.Column("expires_at", TIME),
    sa.Column("refresh_token", sa.Text),
    sa.Column("refresh_expires_at", TIME),
    sa.Column("refused_reason", sa.Text),
    sa.Column("refused_code", sa.Integer),
    sa.Column("refreshing_until", TIME),  # whoever set it is talking to the platform, or pauses
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("version", sa.Integer, nullable=False, server_default="1"),
    sa.ForeignKeyConstraint(
        ["organization_id", "account_id"],
        ["binding.organization_id", "binding.account_id"],
        name="fk_business_token_binding",
    ),
)

call_day = sa.Table(
    "call_day",  # calls of an app on one day of Shanghai, as processes took them in advance
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("client_key", sa.Text, primary_key=True),
    sa.Column("calls", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("taken", sa.Integer, nullable=False, server_default="0"),
    sa.Column("closed_at", TIME),  # business time: the platform said that it is used up
    sa.CheckConstraint("taken >= 0", name="taken"),
)

call_pace = sa.Table(
    "call_pace",  # when the next call of an app with a limit a second may leave
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("client_key", sa.Text, primary_key=True),
    sa.Column("free_at", TIME, nullable=False),  # PostgreSQL's clock
)

binding = sa.Table(
    "binding",  # an account under a Douyin app, and its tokens (sealed)
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("client_key", sa.Text, nullable=False),
    sa.Column("open_id", sa.Text, nullable=False),
    sa.Column("access_token", sa.Text),
    sa.Column("access_token_expires_at", TIME),
    sa.Column("refresh_token", sa.Text),
    sa.Column("refresh_token_expires_at", TIME),
    sa.Column("scopes", sa.ARRAY(sa.Text), nullable=False, server_default="{}"),
    sa.Column("authorised_at", TIME),  # business time
    sa.Column("renewals", sa.Integer, nullable=False, server_default="0"),  # of the refresh token
    sa.Column("revoked_at", TIME),  # business time
    sa.Column("revoked_reason", sa.Text),
    # the owner has to authorise again: told once, until the next authorisation
    sa.Column("needed_reason", sa.Text),
    sa.Column("needed_since", TIME),
    sa.Column("usable_until", TIME),
    sa.Column("told", sa.Integer, nullable=False, server_default="0"),  # facts about it so far
    sa.Column("token_version", sa.Integer, nullable=False, server_default="1"),
    sa.Column("refused_version", sa.Integer),  # the token that the platform refused
    sa.Column("refreshing_until", TIME),  # whoever set it is talking to the platform, or pauses
    sa.Column("refresh_failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("echoes_by_id", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("updated_at", TIME, nullable=False, server_default=NOW),
    sa.UniqueConstraint("client_key", "open_id", name="uq_binding_client_key_open_id"),
    sa.ForeignKeyConstraint(
        ["organization_id", "client_key"],
        ["app.organization_id", "app.client_key"],
        name="fk_binding_app",
    ),
    sa.CheckConstraint("(revoked_at IS NULL) = (revoked_reason IS NULL)", name="revoked"),
    sa.CheckConstraint(
        "(needed_reason IS NULL) = (usable_until IS NULL)"
        " AND (needed_reason IS NULL) = (needed_since IS NULL)",
        name="needed",
    ),
)

known_account = sa.Table(
    "known_account",  # accounts that exist, as heard from their policies
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("policy_version", sa.Integer, nullable=False),
    sa.Column("policy", JSONB, nullable=False),  # the keys that are used here
)

authorisation_link = sa.Table(
    "authorisation_link",  # an owner was asked to authorise; the link works once
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("client_key", sa.Text, nullable=False),
    sa.Column("expires_at", TIME, nullable=False),  # business time
    sa.Column("used_at", TIME),
    sa.ForeignKeyConstraint(
        ["organization_id", "client_key"],
        ["app.organization_id", "app.client_key"],
        name="fk_authorisation_link_app",
    ),
    sa.Index("ix_authorisation_link_expires_at", "expires_at"),
)
