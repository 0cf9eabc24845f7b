"""Replays of rules over what fans did before: what is asked, how far it is, what came out."""

# ruff: noqa: S608  statements are put together from constants only

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from services.direct_messages.domain.changes import Change, dump_change, load_change
from services.direct_messages.domain.replaying import Tally
from services.direct_messages.store import tables
from services.direct_messages.store.rows import as_rows, insert, read
from services.direct_messages.store.tables import Account
from shared.db import Tx

_TENANT = "organization_id = :org AND account_id = :acc"
# in the order of the primary key, which is the order of time
_ASKED = (
    f"FROM message WHERE {_TENANT} AND direction = 'in' AND id > :after AND id <= :last"
    " AND created_at >= :since AND (:kind = '' OR kind = :kind)"
    " AND (:containing = '' OR strpos(text, :containing) > 0)"
)
_COUNT = sa.text(f"SELECT count(*), max(id) {_ASKED}")
# what was decided on: where a message joins others, their words come first
_WHOLE = (
    "CASE WHEN content IS NULL OR NOT content ? 'joins' THEN text ELSE (SELECT string_agg(p.text, ' '"
    " ORDER BY j.place) FROM jsonb_array_elements_text(content -> 'joins') WITH ORDINALITY j(id, place)"
    " JOIN message p ON p.organization_id = :org AND p.account_id = :acc AND p.id = j.id) || ' ' || text END"
)
_BATCH = sa.text(f"SELECT id, kind, {_WHOLE} AS text {_ASKED} ORDER BY id LIMIT :most")
_RECORDS = sa.text(
    f"SELECT message_id, record FROM decision WHERE {_TENANT}"
    " AND message_id = ANY(CAST(:ids AS text[])) ORDER BY message_id"
)
_ADD = insert(tables.replays)
_ONE = sa.text(f"SELECT * FROM rule_replay WHERE {_TENANT} AND id = :id")
_NEXT = sa.text(
    "SELECT * FROM rule_replay WHERE state = 'running' ORDER BY created_at"
    " LIMIT 1 FOR UPDATE SKIP LOCKED"
)
_GO_ON = sa.text(
    "UPDATE rule_replay SET reached = :reached, state = :state, result = CAST(:result AS json),"
    f" updated_at = :now WHERE {_TENANT} AND id = :id"
)
_TEXTS = sa.text(f"SELECT id, text FROM message WHERE {_TENANT} AND id = ANY(CAST(:ids AS text[]))")
_EVERYTHING = "~"  # behind every id


@dataclass(frozen=True, slots=True)
class Asked:
    """Which messages are replayed."""

    since: datetime
    kind: str = ""  # none: every kind
    containing: str = ""


@dataclass(frozen=True, slots=True)
class Replay:
    """A job over stored messages. Without `changes`, records are decided again as they were."""

    organization_id: str
    account_id: str
    id: str
    state: str  # running or done
    rule_set: int  # what was live when it was asked for
    changes: list[dict[str, Any]] | None  # of the draft as it was then
    since: datetime
    kind: str
    containing: str
    last: str  # the newest message that belongs to it
    reached: str  # the last message that is done
    total: int
    result: dict[str, Any]
    created_at: datetime
    updated_at: datetime

    @property
    def account(self) -> Account:
        """Whose messages."""
        return self.organization_id, self.account_id

    @property
    def tally(self) -> Tally:
        """The result so far."""
        return Tally(**self.result)

    @property
    def draft(self) -> list[Change] | None:
        """The changes that are tried."""
        return None if self.changes is None else [load_change(c) for c in self.changes]


async def add_replay(
    tx: Tx,
    account: Account,
    replay_id: str,
    asked: Asked,
    rules: tuple[int, Sequence[Change] | None],
) -> Replay:
    """Ask for a replay of what is stored now."""
    rule_set, changes = rules
    filters = {**_filter(account, asked), "after": "", "last": _EVERYTHING}
    counted = (await tx.execute(_COUNT, filters)).first()
    made = Replay(
        *account,
        id=replay_id,
        state="running",
        rule_set=rule_set,
        changes=None if changes is None else [dump_change(change) for change in changes],
        since=asked.since,
        kind=asked.kind,
        containing=asked.containing,
        last=(counted[1] if counted else None) or "",
        reached="",
        total=counted[0] if counted else 0,
        result=asdict(Tally()),
        created_at=tx.now,
        updated_at=tx.now,
    )
    await tx.execute(_ADD, as_rows([made]))
    return made


async def replay(tx: Tx, account: Account, replay_id: str) -> Replay | None:
    """One replay."""
    row = (await tx.execute(_ONE, {**_tenant(account), "id": replay_id})).first()
    return read(Replay, row) if row else None


async def next_replay(tx: Tx) -> Replay | None:
    """The oldest one that is not done, locked; one that somebody works at is left out."""
    row = (await tx.execute(_NEXT)).first()
    return read(Replay, row) if row else None


async def replay_batch(tx: Tx, found: Replay, most: int) -> list[tuple[str, str, str | None]]:
    """The next messages: id, kind, and the text that was decided on."""
    asked = {
        **_filter(found.account, Asked(found.since, found.kind, found.containing)),
        "after": found.reached,
        "last": found.last,
        "most": most,
    }
    return [(row[0], row[1], row[2]) for row in await tx.execute(_BATCH, asked)]


async def records(tx: Tx, account: Account, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The records of the decisions on these messages."""
    found = await tx.execute(_RECORDS, {**_tenant(account), "ids": list(ids)})
    return {row[0]: row[1] for row in found}


async def go_on(tx: Tx, found: Replay, reached: str, tally: Tally, *, is_done: bool) -> None:
    """Keep how far it is."""
    kept = {
        **_tenant(found.account),
        "id": found.id,
        "reached": reached,
        "state": "done" if is_done else "running",
        "result": orjson.dumps(tally).decode(),
        "now": tx.now,
    }
    await tx.execute(_GO_ON, kept)


async def texts(tx: Tx, account: Account, ids: Sequence[str]) -> dict[str, str | None]:
    """What was said in these messages."""
    found = await tx.execute(_TEXTS, {**_tenant(account), "ids": list(ids)})
    return {row[0]: row[1] for row in found}


def _tenant(account: Account) -> dict[str, Any]:
    return {"org": account[0], "acc": account[1]}


def _filter(account: Account, asked: Asked) -> dict[str, Any]:
    return {
        **_tenant(account),
        "since": asked.since,
        "kind": asked.kind,
        "containing": asked.containing,
    }
