"""Tables of people: agents, hand-offs, the promise to answer, notes, live updates."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from services.direct_messages.store.tables import metadata

_TIME = sa.DateTime(timezone=True)

agents = sa.Table(
    "agent",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("key_id", sa.Text),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("accounts", ARRAY(sa.Text), nullable=False),
    sa.Column("skills", ARRAY(sa.Text), nullable=False),
    sa.Column("capacity", sa.Integer),
    sa.Column("presence", sa.Text, nullable=False),
    sa.Column("present_until", _TIME, nullable=False),
    sa.Column("last_offered_at", _TIME),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False),
    sa.CheckConstraint("presence IN ('online', 'away', 'offline')", name="presence"),
    sa.CheckConstraint("role IN ('agent', 'supervisor', 'owner')", name="role"),
    sa.CheckConstraint("capacity > 0", name="capacity"),
    sa.Index(  # a key speaks for one agent
        "uq_agent_key",
        *("organization_id", "key_id"),
        unique=True,
        postgresql_where=sa.text("key_id IS NOT NULL"),
    ),
)
hand_offs = sa.Table(
    "hand_off",  # one stay of a conversation with people
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("conversation_id", sa.Text, nullable=False),
    sa.Column("fan_open_id", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("skill", sa.Text),
    sa.Column("urgent", sa.Boolean, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("agent_id", sa.Text),
    sa.Column("passed_over", ARRAY(sa.Text), nullable=False),
    sa.Column("queued_at", _TIME, nullable=False),
    sa.Column("accepted_at", _TIME),
    sa.Column("ended_at", _TIME),
    sa.Column("end_reason", sa.Text),
    sa.Column("noticed_at", _TIME),
    sa.Column("due_at", _TIME),
    sa.Column("version", sa.Integer, nullable=False),
    sa.CheckConstraint(
        "stage IN ('queued', 'offered', 'accepted', 'wrap_up', 'ended')", name="stage"
    ),
    sa.CheckConstraint("(stage = 'ended') = (ended_at IS NOT NULL)", name="ended"),
    sa.CheckConstraint("stage <> 'offered' OR agent_id IS NOT NULL", name="offered"),
    sa.Index(  # people have a conversation once at a time
        "uq_hand_off_open",
        *("organization_id", "account_id", "conversation_id"),
        unique=True,
        postgresql_where=sa.text("stage <> 'ended'"),
    ),
    sa.Index(
        "ix_hand_off_stage",
        *("organization_id", "stage", "queued_at", "id"),
        postgresql_where=sa.text("stage <> 'ended'"),
    ),
    sa.Index(  # who answered a fan last
        "ix_hand_off_fan",
        *("organization_id", "account_id", "fan_open_id", "accepted_at"),
        postgresql_where=sa.text("agent_id IS NOT NULL AND accepted_at IS NOT NULL"),
    ),
    # not led by the tenant: the clock asks what is due for all of them
    sa.Index("ix_hand_off_due_at", "due_at", postgresql_where=sa.text("due_at IS NOT NULL")),
)
response_clocks = sa.Table(
    "response_clock",  # the promise to answer, kept for the report
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("measure", sa.Text, primary_key=True),
    sa.Column("conversation_id", sa.Text, nullable=False),
    sa.Column("started_at", _TIME, nullable=False),
    sa.Column("round_the_clock", sa.Boolean, nullable=False),
    sa.Column("escalates", sa.Boolean, nullable=False),
    sa.Column("warn_at", _TIME),
    sa.Column("breach_at", _TIME),
    sa.Column("owner_at", _TIME),
    sa.Column("close_at", _TIME, nullable=False),
    sa.Column("told", sa.Text, nullable=False),
    sa.Column("due_at", _TIME),
    sa.Column("answered_at", _TIME),
    sa.Column("answered_by", sa.Text),
    sa.Column("agent_id", sa.Text),
    sa.Column("elapsed_ms", sa.BigInteger),
    sa.Column("is_met", sa.Boolean),
    sa.Column("cancelled_at", _TIME),
    sa.Column("ask_at", _TIME),
    sa.Column("asked_minutes", sa.Integer, nullable=False, server_default="0"),
    sa.CheckConstraint("measure IN ('any', 'human')", name="measure"),
    sa.CheckConstraint("told IN ('nothing', 'warned', 'breached', 'escalated')", name="told"),
    sa.CheckConstraint("answered_at IS NULL OR answered_at >= started_at", name="answered"),
    sa.Index(  # one clock a measure runs in a conversation
        "uq_response_clock_running",
        *("organization_id", "account_id", "conversation_id", "measure"),
        unique=True,
        postgresql_where=sa.text("answered_at IS NULL AND cancelled_at IS NULL"),
    ),
    sa.Index(  # a greeting counts as an answer once a day
        "ix_response_clock_greeted",
        *("organization_id", "account_id", "conversation_id", "answered_at"),
        postgresql_where=sa.text("answered_by = 'greeting'"),
    ),
    sa.Index("ix_response_clock_started_at", *("organization_id", "account_id", "started_at")),
    # not led by the tenant: the clock asks what is due for all of them
    sa.Index("ix_response_clock_due_at", "due_at", postgresql_where=sa.text("due_at IS NOT NULL")),
    sa.Index(  # nor this: rules for who waits, of the few accounts that have any
        "ix_response_clock_ask_at",
        "ask_at",
        postgresql_where=sa.text(
            "ask_at IS NOT NULL AND answered_at IS NULL AND cancelled_at IS NULL"
        ),
    ),
    sa.Index(  # nor this: they are counted for all of them
        "ix_response_clock_overdue",
        "measure",
        postgresql_where=sa.text("due_at IS NOT NULL AND told IN ('breached', 'escalated')"),
    ),
)
notes = sa.Table(
    "note",  # what agents tell each other; fans never see it
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("conversation_id", sa.Text, nullable=False),
    sa.Column("agent_id", sa.Text),
    sa.Column("mentions", ARRAY(sa.Text), nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Index(
        "ix_note_conversation",
        *("organization_id", "account_id", "conversation_id", "created_at", "id"),
    ),
)
canned_replies = sa.Table(
    "canned_reply",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("account_id", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("shortcut", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False),
    sa.UniqueConstraint(
        "organization_id", "account_id", "shortcut", name="uq_canned_reply_shortcut"
    ),
)
live_updates = sa.Table(
    "live_update",  # what agents are shown, for a day; in the order of transactions, then of numbers
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("tx", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("number", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("account_id", sa.Text, nullable=False),
    sa.Column("conversation_id", sa.Text, nullable=False),
    sa.Column("agent_id", sa.Text),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("data", JSONB, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    # not led by the tenant: what is old is forgotten for all of them
    sa.Index("ix_live_update_created_at", "created_at"),
)
