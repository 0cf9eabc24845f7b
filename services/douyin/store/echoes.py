"""Echoes meet attempts: by id, else by conversation and content. Every statement handles a batch."""

# ruff: noqa: S608  statements are put together from constants of this room only
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from services.douyin.store.attempts import MOVED, Conversation, Moved
from shared.db import Tx

_V = (
    "unnest(CAST(:organizations AS text[]), CAST(:accounts AS text[]), CAST(:ids AS text[]),"
    " CAST(:conversations AS text[]), CAST(:hashes AS text[]), CAST(:created AS timestamptz[]),"
    " CAST(:arrived AS timestamptz[])) AS v(o, a, id, conversation, hash, created, arrived)"
)
_IDS = (
    "unnest(CAST(:organizations AS text[]), CAST(:accounts AS text[]), CAST(:ids AS text[]))"
    " AS v(o, a, id)"
)
# An attempt that was answered with the echo's own id is bound by that id: nothing is written.
_KNOWN = sa.text(
    f"SELECT v.o, v.a, v.id, a.echo_id IS NULL FROM {_IDS} JOIN attempt a ON a.organization_id = v.o"
    " AND a.account_id = v.a AND a.msg_id = v.id"
    f" UNION ALL SELECT v.o, v.a, v.id, false FROM {_IDS} JOIN attempt a ON a.organization_id = v.o"
    " AND a.account_id = v.a AND a.echo_id = v.id"
)
_BY_ID = (
    "(SELECT b.echoes_by_id FROM binding b WHERE b.organization_id = a.organization_id"
    " AND b.account_id = a.account_id)"
)
# where ids were seen to be equal, a sent attempt with another id is another message
_LEARN = sa.text(
    "UPDATE binding b SET echoes_by_id = true"
    " FROM unnest(CAST(:organizations AS text[]), CAST(:accounts AS text[])) AS v(o, a)"
    " WHERE b.organization_id = v.o AND b.account_id = v.a AND NOT b.echoes_by_id"
)
# An echo under the very id of an answer binds without a trace here; the door keeps what it said.
_HAS_ECHO = (
    "EXISTS (SELECT 1 FROM binding k CROSS JOIN LATERAL (SELECT 1 FROM inbound i"
    "  WHERE i.organization_id = k.organization_id AND i.account_id = k.account_id"
    "  AND i.client_key = k.client_key AND i.event = 'im_send_msg' AND i.dedupe_key = a.msg_id"
    "  OFFSET 0) i WHERE k.organization_id = a.organization_id AND k.account_id = a.account_id)"
)
_UNECHOED = f"a.state = 'sent' AND a.echo_id IS NULL AND NOT {_HAS_ECHO}"
# until one comes that can only be of a message which was answered with another id
_UNLEARN = sa.text(
    f"UPDATE binding b SET echoes_by_id = false FROM {_V} WHERE b.organization_id = v.o"
    " AND b.account_id = v.a AND b.echoes_by_id AND EXISTS (SELECT 1 FROM attempt a"
    "  WHERE a.organization_id = v.o AND a.account_id = v.a AND a.conversation_id = v.conversation"
    f"  AND a.content_hash = v.hash AND {_UNECHOED} OFFSET 0)"
)
# one lookup a conversation and content, whatever the planner believes of states that are soon left
_PAIRS = (
    f"WITH v AS (SELECT *, row_number() OVER (PARTITION BY o, a, conversation, hash"
    f" ORDER BY created, id) AS n FROM {_V}),"
    " candidates AS MATERIALIZED (SELECT a.*, row_number() OVER (PARTITION BY a.organization_id,"
    "  a.account_id, a.conversation_id, a.content_hash ORDER BY a.content_freed, a.position) AS n"
    "  FROM (SELECT DISTINCT o, a, conversation, hash FROM v) k CROSS JOIN LATERAL ("
    "   SELECT a.* FROM attempt a WHERE a.organization_id = k.o"
    "   AND a.account_id = k.a AND a.conversation_id = k.conversation AND a.content_hash = k.hash"
    "   AND a.echo_id IS NULL AND {which} OFFSET 0) a)"
)
_SAME = (
    " FROM candidates c JOIN v ON v.o = c.organization_id AND v.a = c.account_id"
    " AND v.conversation = c.conversation_id AND v.hash = c.content_hash AND v.n = c.n"
    " WHERE a.organization_id = c.organization_id AND a.account_id = c.account_id"
    " AND a.operation_id = c.operation_id AND a.item = c.item"
)
_BY_CONTENT = sa.text(
    _PAIRS.format(which=f"{_UNECHOED} AND (a.msg_id IS NULL OR NOT coalesce({_BY_ID}, false))")
    + f" UPDATE attempt a SET echo_id = v.id{_SAME} RETURNING v.o, v.a, v.id"
)
# an app without a maximum age lives by arrival: the platform's clock may be another year
_BY_CREATION = (
    "EXISTS (SELECT 1 FROM app p JOIN binding b USING (organization_id, client_key)"
    "  WHERE b.organization_id = a.organization_id AND b.account_id = a.account_id"
    "  AND p.max_event_age_hours IS NOT NULL)"
)
# It may be of a sent one, whose own echo has not come, although ids were equal so far: then nothing is
# sure, and a doubt stays. Only where creation counts can the time rule that out.
_BY_DOUBT = sa.text(
    _PAIRS.format(which="a.state IN ('sending', 'unknown', 'presumed_not_sent')")
    + " UPDATE attempt a SET state = 'sent', echo_id = v.id, msg_id = v.id, lease_until = NULL,"
    " reason = CASE a.state WHEN 'sending' THEN NULL ELSE 'echo' END, seq = a.seq + 1,"
    f" settled_at = :now{_SAME}"
    f" AND (CASE WHEN {_BY_CREATION} THEN v.created ELSE v.arrived END)"
    " >= a.written_at - interval '5 seconds'"
    " AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.organization_id = v.o AND a.account_id = v.a"
    f"  AND a.conversation_id = v.conversation AND a.content_hash = v.hash AND {_UNECHOED}"
    f"  AND (v.created <= a.settled_at + interval '5 seconds' OR NOT {_BY_CREATION}) OFFSET 0)"
    f" RETURNING {MOVED}, c.state AS state_before"
)


EchoKey = tuple[str, str, str]  # organization, account, the platform's message id


@dataclass(frozen=True, slots=True)
class Echo:
    """A message of our app that the platform reported."""

    organization_id: str
    account_id: str
    message_id: str
    conversation_id: str
    content_hash: str
    created_at: datetime
    arrived_at: datetime

    @property
    def key(self) -> EchoKey:
        """What makes it one message: ids of the platform are an account's."""
        return self.organization_id, self.account_id, self.message_id

    @property
    def conversation(self) -> Conversation:
        """Where it was said."""
        return Conversation(self.organization_id, self.account_id, self.conversation_id)


@dataclass(frozen=True, slots=True)
class Resolved:
    """An attempt that its echo made `sent`."""

    moved: Moved
    state_before: str


def _arrays(echoes: Sequence[Echo]) -> dict[str, object]:
    return {
        "organizations": [e.organization_id for e in echoes],
        "accounts": [e.account_id for e in echoes],
        "ids": [e.message_id for e in echoes],
        "conversations": [e.conversation_id for e in echoes],
        "hashes": [e.content_hash for e in echoes],
        "created": [e.created_at for e in echoes],
        "arrived": [e.arrived_at for e in echoes],
    }


async def already_bound(tx: Tx, echoes: Collection[EchoKey]) -> set[EchoKey]:
    """Echoes with whose ids some attempt was answered, or which it has already."""
    organizations, accounts, ids = ([*column] for column in zip(*echoes, strict=True))
    values = {"organizations": organizations, "accounts": accounts, "ids": ids}
    rows = await tx.execute(_KNOWN, values)
    if answered := sorted({(row[0], row[1]) for row in rows if row[3]}):
        organizations, accounts = ([*column] for column in zip(*answered, strict=True))
        await tx.change(_LEARN, {"organizations": organizations, "accounts": accounts})
    return {(row[0], row[1], row[2]) for row in rows}


async def bind_sent(tx: Tx, echoes: Sequence[Echo]) -> set[EchoKey]:
    """Bind echoes to sent attempts of the same content, the oldest first."""
    return {(row[0], row[1], row[2]) for row in await tx.execute(_BY_CONTENT, _arrays(echoes))}


async def doubt_equal_ids(tx: Tx, unbound: Sequence[Echo]) -> bool:
    """Whether an account's ids turn out to differ: the echo is of a message answered with another id."""
    return bool(await tx.change(_UNLEARN, _arrays(unbound)))


async def resolve(tx: Tx, echoes: Sequence[Echo]) -> list[Resolved]:
    """Settle attempts in doubt as `sent`: the platform shows their content."""
    rows = await tx.execute(_BY_DOUBT, {**_arrays(echoes), "now": tx.now})
    return [Resolved(Moved(*row[:-1]), row[-1]) for row in rows]
