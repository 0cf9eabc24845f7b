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
# Bound by its content to an attempt that was answered with another id: perhaps it is of another one.
_GUESSED = "(a.echo_id <> a.msg_id AND a.echo_at IS NOT NULL)"
# An attempt that was answered with the echo's own id is bound by that id: nothing is written.
_ANSWERED = (
    f"SELECT v.o, v.a, v.id, a.echo_id IS NULL FROM {_IDS} JOIN attempt a ON a.organization_id = v.o"
    f" AND a.account_id = v.a AND a.msg_id = v.id AND {_GUESSED} IS NOT TRUE"
)
_KNOWN = sa.text(
    f"{_ANSWERED} UNION ALL SELECT v.o, v.a, v.id, false FROM {_IDS} JOIN attempt a"
    " ON a.organization_id = v.o AND a.account_id = v.a AND a.echo_id = v.id"
)
# While the same words are in doubt, the echo of the doubt may just now be taken for that of the answer. Each
# look has an index of next to nothing: every echo asks, and a fan may have had the same words a thousand times.
_NOT_IN_DOUBT = (
    "NOT EXISTS (SELECT 1 FROM attempt u WHERE u.organization_id = a.organization_id"
    " AND u.account_id = a.account_id AND u.conversation_id = a.conversation_id"
    " AND u.content_hash = a.content_hash AND {which} OFFSET 0)"
)
_REPEATED = sa.text(
    f"{_ANSWERED} WHERE "
    + _NOT_IN_DOUBT.format(which="u.state IN ('sending', 'unknown') AND NOT u.content_freed")
    + " AND "
    + _NOT_IN_DOUBT.format(which="u.state = 'unknown' AND u.content_freed")
)
_GIVE_BACK = sa.text(
    "UPDATE attempt a SET echo_id = NULL, echo_at = NULL"
    f" FROM (SELECT a.* FROM {_IDS} CROSS JOIN LATERAL (SELECT a.* FROM attempt a"
    "  WHERE a.organization_id = v.o AND a.account_id = v.a AND a.msg_id = v.id OFFSET 0) a"
    f"  WHERE {_GUESSED}) g"
    " WHERE a.organization_id = g.organization_id AND a.account_id = g.account_id"
    " AND a.operation_id = g.operation_id AND a.item = g.item RETURNING a.organization_id,"
    " a.account_id, g.echo_id, a.conversation_id, a.content_hash, g.echo_at, g.echo_at"
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
# an app without a maximum age lives by arrival: the platform's clock may be another year
_BY_CREATION = (
    "EXISTS (SELECT 1 FROM app p JOIN binding b USING (organization_id, client_key)"
    "  WHERE b.organization_id = a.organization_id AND b.account_id = a.account_id"
    "  AND p.max_event_age_hours IS NOT NULL)"
)
_AT = f"(CASE WHEN {_BY_CREATION} THEN v.created ELSE v.arrived END)"
# one lookup a conversation and content, whatever the planner believes of states that are soon left
_FIRST = (
    f"WITH v AS MATERIALIZED (SELECT v.*, a.operation_id, a.item, a.state FROM {_V} CROSS JOIN LATERAL ("
    "  SELECT a.* FROM (SELECT a.* FROM attempt a WHERE a.organization_id = v.o"
    "   AND a.account_id = v.a AND a.conversation_id = v.conversation AND a.content_hash = v.hash"
    "   AND a.echo_id IS NULL AND {which} OFFSET 0) a"
    "  ORDER BY a.content_freed, a.position LIMIT 1) a)"
)
_SAME = (
    " FROM v WHERE a.organization_id = v.o AND a.account_id = v.a"
    " AND a.operation_id = v.operation_id AND a.item = v.item"
)
_BY_CONTENT = sa.text(
    _FIRST.format(which=f"{_UNECHOED} AND (a.msg_id IS NULL OR NOT coalesce({_BY_ID}, false))")
    + f" UPDATE attempt a SET echo_id = v.id, echo_at = {_AT}{_SAME} RETURNING v.o, v.a, v.id"
)
# It may be of a sent one, whose own echo has not come, although ids were equal so far: then nothing is
# sure, and a doubt stays. Only where creation counts can the time rule that out.
_BY_DOUBT = sa.text(
    _FIRST.format(
        which="a.state IN ('sending', 'unknown', 'presumed_not_sent')"
        f" AND {_AT} >= a.written_at - interval '5 seconds'"
    )
    + " UPDATE attempt a SET state = 'sent', echo_id = v.id, msg_id = v.id, lease_until = NULL,"
    " reason = CASE a.state WHEN 'sending' THEN NULL ELSE 'echo' END, seq = a.seq + 1,"
    f" settled_at = :now{_SAME}"
    " AND NOT EXISTS (SELECT 1 FROM attempt a WHERE a.organization_id = v.o AND a.account_id = v.a"
    f"  AND a.conversation_id = v.conversation AND a.content_hash = v.hash AND {_UNECHOED}"
    f"  AND (v.created <= a.settled_at + interval '5 seconds' OR NOT {_BY_CREATION}) OFFSET 0)"
    f" RETURNING {MOVED}, v.state AS state_before"
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
    return await _bound_by_id(tx, _KNOWN, echoes)


async def only_repeated(tx: Tx, echoes: Collection[EchoKey]) -> set[EchoKey]:
    """Echoes that say what an answer said, where no other attempt can be concerned."""
    return await _bound_by_id(tx, _REPEATED, echoes)


async def _bound_by_id(
    tx: Tx, statement: sa.TextClause, echoes: Collection[EchoKey]
) -> set[EchoKey]:
    rows = await tx.execute(statement, _keys(echoes))
    if answered := sorted({(row[0], row[1]) for row in rows if row[3]}):
        organizations, accounts = ([*column] for column in zip(*answered, strict=True))
        await tx.change(_LEARN, {"organizations": organizations, "accounts": accounts})
    return {(row[0], row[1], row[2]) for row in rows}


async def give_back(tx: Tx, echoes: Collection[EchoKey]) -> list[Echo]:
    """Others that were taken for these by their content, and are of something else: these are here."""
    return [Echo(*row) for row in await tx.execute(_GIVE_BACK, _keys(echoes))]


def _keys(echoes: Collection[EchoKey]) -> dict[str, object]:
    organizations, accounts, ids = ([*column] for column in zip(*echoes, strict=True))
    return {"organizations": organizations, "accounts": accounts, "ids": ids}


async def bind_sent(tx: Tx, echoes: Sequence[Echo]) -> set[EchoKey]:
    """Bind each to the oldest sent attempt of its content. One echo of a content at a time."""
    return {(row[0], row[1], row[2]) for row in await tx.execute(_BY_CONTENT, _arrays(echoes))}


async def doubt_equal_ids(tx: Tx, unbound: Sequence[Echo]) -> bool:
    """Whether an account's ids turn out to differ: the echo is of a message answered with another id."""
    return bool(await tx.change(_UNLEARN, _arrays(unbound)))


async def resolve(tx: Tx, echoes: Sequence[Echo]) -> list[Resolved]:
    """Settle the oldest in doubt as `sent`: the platform shows its content. One of a content at a time."""
    rows = await tx.execute(_BY_DOUBT, {**_arrays(echoes), "now": tx.now})
    return [Resolved(Moved(*row[:-1]), row[-1]) for row in rows]
