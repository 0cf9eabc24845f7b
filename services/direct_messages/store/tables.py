"""Tables of the direct message service."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from shared.db import spine_metadata

metadata = spine_metadata("direct_messages")
_TIME = sa.DateTime(timezone=True)


def _tenant() -> tuple[sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("organization_id", sa.Text, primary_key=True),
        sa.Column("account_id", sa.Text, primary_key=True),
    )


accounts = sa.Table(
    "account",  # which versions hold now; its row lock puts changes of rules in order
    metadata,
    *_tenant(),
    sa.Column("policy_version", sa.Integer, nullable=False),  # 0: not heard yet
    sa.Column("rule_set_version", sa.Integer, nullable=False),
    sa.CheckConstraint("policy_version >= 0 AND rule_set_version >= 0", name="versions"),
)
policies = sa.Table(
    "policy",  # every version that was heard, kept for ever
    metadata,
    *_tenant(),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("profile", sa.Text, nullable=False),
    sa.Column("values", JSONB, nullable=False),
    sa.Column("heard_at", _TIME, nullable=False),
)
rule_sets = sa.Table(
    "rule_set",  # every version of an account's rules: why it was made; its rules are in `rule`
    metadata,
    *_tenant(),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("made_by", sa.Text, nullable=False),
    sa.Column("restores", sa.Integer),
    sa.Column("changes", sa.Integer, nullable=False),
)
rules = sa.Table(
    "rule",  # every state that a rule had, kept for ever; rule set v holds those with since <= v < until
    metadata,
    *_tenant(),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("since", sa.Integer, primary_key=True),
    sa.Column("until", sa.Integer),  # none: it is published now
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("definition", JSONB, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False),
    sa.Column("paused", sa.Text),
    sa.CheckConstraint("until > since", name="until"),
    sa.Index(
        "uq_rule_published",
        *("organization_id", "account_id", "id"),
        unique=True,
        postgresql_where=sa.text("until IS NULL"),
    ),
)
held = sa.Table(
    "held_message",  # pieces of a burst: heard, and decided when the fan has said it all
    metadata,
    *_tenant(),
    sa.Column("fan_open_id", sa.Text, primary_key=True),
    sa.Column("event_id", sa.Text, primary_key=True),
    sa.Column("envelope", sa.LargeBinary, nullable=False),
    sa.Column("due_at", _TIME, nullable=False),
    sa.Column("held_at", _TIME, nullable=False),
    sa.Index("ix_held_message_due_at", "due_at"),
)
rule_failures = sa.Table(
    "rule_failure",  # sends of a rule that the platform refused for what they say, one after the other
    metadata,
    *_tenant(),
    sa.Column("rule_id", sa.Text, primary_key=True),
    sa.Column("rule_version", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("first_message_id", sa.Text, nullable=False),
)
cards = sa.Table(
    "card",  # lead cards of accounts, as the connector saw them
    metadata,
    *_tenant(),
    sa.Column("card_id", sa.Text, primary_key=True),  # the platform's
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("is_there", sa.Boolean, nullable=False),
    sa.Index("ix_card_card_id", "organization_id", "card_id"),
)
rule_drafts = sa.Table(
    "rule_draft",  # changes of rules that are not published yet, edited in place
    metadata,
    *_tenant(),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("changes", JSONB, nullable=False),
    sa.Column("updated_at", _TIME),
)
replays = sa.Table(
    "rule_replay",  # rules tried on what fans did before
    metadata,
    *_tenant(),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("rule_set", sa.Integer, nullable=False),
    sa.Column("changes", sa.JSON),  # none: records are decided again by their own rules
    sa.Column("since", _TIME, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("containing", sa.Text, nullable=False),
    sa.Column("last", sa.Text, nullable=False),
    sa.Column("reached", sa.Text, nullable=False),
    sa.Column("total", sa.Integer, nullable=False),
    sa.Column("result", sa.JSON, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False),
    sa.CheckConstraint("state IN ('running', 'done')", name="state"),
    sa.Index(
        "ix_rule_replay_created_at",
        "created_at",
        postgresql_where=sa.text("state = 'running'"),
    ),
)
fan_facts = sa.Table(
    "fan_fact",  # our copy of what `fans` published
    metadata,
    *_tenant(),
    sa.Column("fan_open_id", sa.Text, primary_key=True),
    sa.Column("follows", sa.Boolean),  # null, as the next two: only the tier is known
    sa.Column("observed_at", _TIME),
    sa.Column("epoch", sa.Integer),
    sa.Column("tier", sa.Text),
    sa.Column("tier_version", sa.Integer, nullable=False, server_default="0"),
)
conversations = sa.Table(
    "conversation",
    metadata,
    *_tenant(),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("fan_open_id", sa.Text, nullable=False),
    sa.Column("platform_conversation_id", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("owner_reason", sa.Text),
    sa.Column("owner_since", _TIME),
    sa.Column("last_person_at", _TIME),
    sa.Column("last_inbound_id", sa.Text),
    sa.Column("last_inbound_at", _TIME),
    sa.Column("enter_id", sa.Text),
    sa.Column("entered_at", _TIME),
    sa.Column("last_default_at", _TIME),
    sa.Column("last_greeting_at", _TIME),
    sa.Column("follow_epoch", sa.Integer),
    sa.Column("last_follow_reply_at", _TIME),
    sa.Column("inbound_at", ARRAY(_TIME), nullable=False),
    sa.Column("auto_sent_at", ARRAY(_TIME), nullable=False),
    # defaults, so that a process of the release before may still write
    sa.Column("started_by", sa.Text, nullable=False, server_default="fan"),
    sa.Column("source", sa.Text),
    sa.Column("tags", ARRAY(sa.Text), nullable=False, server_default="{}"),
    sa.Column("misses", sa.Integer, nullable=False, server_default="0"),
    sa.Column("menu_level", sa.Integer),
    sa.Column("menu_shown_at", _TIME),
    sa.Column("flow", JSONB),  # which question waits for an answer, and which messages answered
    sa.UniqueConstraint("organization_id", "account_id", "fan_open_id", name="uq_conversation_fan"),
    sa.CheckConstraint("owner IN ('bot', 'person')", name="owner"),
)
messages = sa.Table(
    "message",
    metadata,
    *_tenant(),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("conversation_id", sa.Text),  # none for a follow of somebody who never wrote
    sa.Column("direction", sa.Text, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("text", sa.Text),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("platform_message_id", sa.Text),
    sa.Column("operation_id", sa.Text),
    sa.Column("item", sa.Integer),
    sa.Column("answers", sa.Text),
    sa.Column("code", sa.Integer),
    sa.Column("log_id", sa.Text),
    sa.Column("reason", sa.Text),
    sa.Column("content", JSONB),  # what belongs to a kind other than text
    # the platform's id of what we sent, not in the column that an index has for what fans sent: so a
    # send that is settled changes no index, and its row stays on its page
    sa.Column("sent_id", sa.Text),
    sa.CheckConstraint("direction IN ('in', 'out')", name="direction"),
    sa.CheckConstraint("(operation_id IS NULL) = (item IS NULL)", name="item"),
    sa.CheckConstraint(
        "state IN ('received', 'queued', 'sent', 'failed', 'unknown', 'recalled')", name="state"
    ),
    sa.Index(
        "uq_message_inbound",
        *("organization_id", "account_id", "platform_message_id"),
        unique=True,
        postgresql_where=sa.text("direction = 'in' AND platform_message_id IS NOT NULL"),
    ),
    sa.Index(
        "uq_message_item",
        *("organization_id", "account_id", "operation_id", "item"),
        unique=True,
        postgresql_where=sa.text("operation_id IS NOT NULL"),
    ),
    sa.Index(
        "ix_message_conversation",
        *("organization_id", "account_id", "conversation_id", "created_at", "id"),
    ),
)
recalls = sa.Table(
    "recall",  # told by the platform, perhaps before the message itself
    metadata,
    *_tenant(),
    sa.Column("platform_message_id", sa.Text, primary_key=True),
    sa.Column("fan_open_id", sa.Text, nullable=False),
    sa.Column("heard_at", _TIME, nullable=False),
    sa.Column("applied", sa.Boolean, nullable=False),
    sa.Index("ix_recall_heard_at", "heard_at", postgresql_where=sa.text("NOT applied")),
)
operations = sa.Table(
    "operation",  # one send; two who claim the same operation meet here
    metadata,
    *_tenant(),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("conversation_id", sa.Text),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("items", sa.Integer, nullable=False),
    sa.Column("reservation_id", sa.Text, nullable=False),
    sa.Column("supersedes", sa.Text),
    sa.Column("created_at", _TIME, nullable=False),
    sa.CheckConstraint("state IN ('requested', 'not_requested')", name="state"),
    sa.Index(  # an unknown send is sent again by at most one other
        "uq_operation_supersedes",
        *("organization_id", "account_id", "supersedes"),
        unique=True,
        postgresql_where=sa.text("supersedes IS NOT NULL"),
    ),
)
decisions = sa.Table(
    "decision",  # one for every inbound message, page entry and follow, kept for ever
    metadata,
    *_tenant(),
    sa.Column("message_id", sa.Text, primary_key=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("rule_id", sa.Text),
    sa.Column("operation_id", sa.Text),
    # read whole or not at all: kept as they come, which costs a third of taking them apart
    sa.Column("quota", sa.JSON),  # the answer of quota; none when it was not asked
    sa.Column("record", sa.JSON, nullable=False),
    sa.Column("decided_at", _TIME, nullable=False),
)
owner_changes = sa.Table(
    "owner_change",
    metadata,
    *_tenant(),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("conversation_id", sa.Text, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("message_id", sa.Text),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Index(
        "ix_owner_change_conversation",
        *("organization_id", "account_id", "conversation_id", "created_at", "id"),
    ),
)

Account = tuple[str, str]  # organization id, account id
Fan = tuple[str, str, str]  # organization id, account id, open id
lead_consents = sa.Table(
    "lead_consent",  # what fans agree to who leave a contact; every version, kept for ever
    metadata,
    *_tenant(),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
)
