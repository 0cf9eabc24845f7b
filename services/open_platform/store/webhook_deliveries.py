"""Deliveries and their tries. Times are PostgreSQL's own `now()`."""

# ruff: noqa: S608  statements are put together from constants only

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import timedelta

import sqlalchemy as sa

from services.open_platform.domain.deliveries import Delivery, DeliveryState, Told, Try, Verdict
from shared.db import Row, Tx

_NAMES = [field.name for field in fields(Delivery)]
_SHOWN = ", ".join(_NAMES)
_SUBSCRIBED = sa.text(
    "SELECT organization_id, id, event_types FROM webhook_endpoint"
    " WHERE organization_id = ANY(CAST(:organizations AS text[])) AND state = 'enabled'"
)
_INSERT = sa.text(
    "INSERT INTO webhook_delivery (organization_id, id, endpoint_id, account_id, event_id,"
    " event_type, body, state, tried, tried_before, next_try_at)"
    " SELECT o, i, e, nullif(a, ''), v, t, b, 'pending', 0, 0, now()"
    " FROM unnest(CAST(:organization AS text[]), CAST(:id AS text[]), CAST(:endpoint AS text[]),"
    " CAST(:account AS text[]), CAST(:event AS text[]), CAST(:type AS text[]),"
    " CAST(:body AS bytea[])) x(o, i, e, a, v, t, b)"
    f" ON CONFLICT (organization_id, endpoint_id, event_id) DO NOTHING RETURNING {_SHOWN}"
)
# The oldest first, of each endpoint only so many at once, counted with what is under way here; of one that
# fails, one. A claim is a lease: whoever dies with it lets it be tried again. It counts as a try, so that what
# kills whoever sends it is not sent for ever.
_CLAIM = sa.text(
    "UPDATE webhook_delivery d SET tried = tried + 1, next_try_at = now() + CAST(:lease AS interval)"
    " FROM (SELECT x.organization_id, x.id, e.url, e.secret,"
    " CASE WHEN e.previous_secret_until > now() THEN e.previous_secret END AS previous_secret"
    " FROM webhook_endpoint e LEFT JOIN unnest(CAST(:busy_organizations AS text[]),"
    " CAST(:busy_endpoints AS text[]), CAST(:busy AS integer[])) b(o, e, n)"
    " ON b.o = e.organization_id AND b.e = e.id"
    " CROSS JOIN LATERAL (SELECT w.organization_id, w.id, w.next_try_at FROM webhook_delivery w"
    " WHERE w.organization_id = e.organization_id AND w.endpoint_id = e.id"
    " AND w.state = 'pending' AND w.next_try_at <= now()"
    " AND w.id <> ALL(CAST(:under_way AS text[])) ORDER BY w.next_try_at"
    " LIMIT greatest(CASE WHEN e.failing_since IS NULL THEN CAST(:each AS integer) ELSE 1 END"
    " - coalesce(b.n, 0), 0) FOR UPDATE SKIP LOCKED) x"
    " WHERE e.state = 'enabled' ORDER BY x.next_try_at LIMIT :room) due"
    " WHERE d.organization_id = due.organization_id AND d.id = due.id"
    f" RETURNING {', '.join('d.' + name for name in _NAMES)}, d.body, d.tried_before,"
    " CAST(extract(epoch FROM now()) AS bigint) AS at,"
    " due.url, due.secret, due.previous_secret"
)
_SECONDS = sa.text(
    "SELECT extract(epoch FROM min(x.next_try_at) - now()) FROM webhook_endpoint e CROSS JOIN LATERAL (SELECT w.next_try_at"
    " FROM webhook_delivery w WHERE w.organization_id = e.organization_id"
    " AND w.endpoint_id = e.id AND w.state = 'pending' ORDER BY w.next_try_at LIMIT 1) x"
    " WHERE e.state = 'enabled'"
)
_FAILING = sa.text(
    "SELECT count(*) FROM webhook_endpoint WHERE state = 'enabled' AND troubled_at IS NOT NULL"
)
_SETTLE = sa.text(
    "UPDATE webhook_delivery d SET state = :state, reason = :reason,"
    " next_try_at = now() + CAST(:wait AS interval),"
    " ended_at = CASE WHEN CAST(:wait AS interval) IS NULL THEN now() END"
    " WHERE organization_id = :organization AND id = :id AND state = 'pending'"
    " AND tried = :tried AND NOT EXISTS (SELECT FROM webhook_try t"
    " WHERE t.organization_id = d.organization_id AND t.delivery_id = d.id AND t.number = d.tried)"
)
_GIVE_UP = sa.text(
    "UPDATE webhook_delivery SET tried = tried_before + :most, state = 'failed', reason = :reason,"
    " next_try_at = NULL, ended_at = now()"
    " WHERE organization_id = :organization AND id = :id AND state = 'pending' AND tried = :tried"
)
_TRIED = sa.text(
    "INSERT INTO webhook_try (organization_id, delivery_id, number, status, trouble, ms)"
    " VALUES (:organization, :id, :number, :status, :trouble, :ms)"
)
_TAKEN = sa.text(
    "UPDATE webhook_endpoint SET failing_since = NULL, troubled_at = NULL"
    " WHERE organization_id = :organization AND id = :id AND failing_since IS NOT NULL"
)
_FAILED = sa.text(
    "UPDATE webhook_endpoint SET failing_since = coalesce(failing_since, now())"
    " WHERE organization_id = :organization AND id = :id AND state = 'enabled'"
    " RETURNING failing_since <= now() - CAST(:give_up AS interval) AS is_hopeless"
)
_TROUBLED = sa.text(
    "UPDATE webhook_endpoint SET troubled_at = now() WHERE organization_id = :organization"
    " AND id = :id AND state = 'enabled' AND troubled_at IS NULL RETURNING id"
)
_DISABLE = sa.text(
    "UPDATE webhook_endpoint SET state = 'disabled', disabled_reason = :reason,"
    " row_version = row_version + 1, updated_at = now()"
    " WHERE organization_id = :organization AND id = :id AND state = 'enabled' RETURNING id"
)
_AGAIN = sa.text(
    "UPDATE webhook_delivery SET next_try_at = now(), state = 'pending', reason = NULL,"
    " ended_at = NULL, tried_before = CASE WHEN state = 'pending' THEN tried_before ELSE tried END"
    f" WHERE organization_id = :organization AND id = :id RETURNING {_SHOWN}"
)
_FIND = sa.text(
    f"SELECT {_SHOWN}, body FROM webhook_delivery WHERE organization_id = :organization AND id = :id"
)
_TRIES = sa.text(
    "SELECT number, at, status, trouble, ms FROM webhook_try WHERE organization_id = :organization"
    " AND delivery_id = :id ORDER BY number DESC LIMIT 100"
)
_FORGET = sa.text(
    "DELETE FROM webhook_delivery WHERE ctid = ANY(ARRAY(SELECT ctid FROM webhook_delivery"
    " WHERE created_at < now() - CAST(:kept AS interval) ORDER BY created_at LIMIT 5000))"
)
_LIST = (
    f"SELECT {_SHOWN} FROM webhook_delivery WHERE organization_id = :organization"
    " AND id < :before{which} ORDER BY id DESC LIMIT :most"
)
_LISTS = {
    (bool(endpoint), bool(state)): sa.text(_LIST.format(which=endpoint + state))
    for endpoint in ("", " AND endpoint_id = :endpoint")
    for state in ("", " AND state = :state")
}
_NEWEST = "~"  # behind every id


@dataclass(frozen=True, slots=True)
class NewDelivery:
    """What an endpoint shall be told."""

    organization_id: str
    id: str
    endpoint_id: str
    account_id: str
    event_id: str
    event_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery to try now, and all that it takes; the secrets are sealed. Its `tried` is this try's number."""

    delivery: Delivery
    tried_before: int
    at: int  # seconds since 1970, when it was claimed
    body: bytes
    url: str
    secret: str
    previous_secret: str | None

    @property
    def earlier(self) -> int:
        """How often it was tried before, since somebody sent it again."""
        return self.delivery.tried - 1 - self.tried_before

    @property
    def place(self) -> tuple[str, str]:
        """The endpoint it goes to."""
        return self.delivery.organization_id, self.delivery.endpoint_id


async def subscriptions(tx: Tx, organizations: set[str]) -> list[tuple[str, str, frozenset[str]]]:
    """Enabled endpoints of these organizations: organization, id, types."""
    rows = await tx.execute(_SUBSCRIBED, {"organizations": sorted(organizations)})
    return [(row.organization_id, row.id, frozenset(row.event_types)) for row in rows]


async def insert_deliveries(tx: Tx, new: Sequence[NewDelivery]) -> list[Delivery]:
    """Keep those that were not kept before, due at once."""
    values = {
        "organization": [each.organization_id for each in new],
        "id": [each.id for each in new],
        "endpoint": [each.endpoint_id for each in new],
        "account": [each.account_id for each in new],
        "event": [each.event_id for each in new],
        "type": [each.event_type for each in new],
        "body": [each.body for each in new],
    }
    return [_read(row) for row in await tx.execute(_INSERT, values)]


async def claim(
    tx: Tx, room: int, each: int, under_way: Mapping[str, tuple[str, str]], lease: timedelta
) -> list[Claimed]:
    """Take up to `room` deliveries that are due, so that no endpoint has more than `each` under way.

    `under_way`: what is being tried here (id → endpoint). Its lease may end before its try does: it is not taken.
    """
    busy = Counter(under_way.values())
    values = {
        "under_way": [*under_way],
        "busy_organizations": [organization for organization, _ in busy],
        "busy_endpoints": [endpoint for _, endpoint in busy],
        "busy": [*busy.values()],
        "room": room,
        "each": each,
        "lease": lease,
    }
    more = ("tried_before", "at", "body", "url", "secret", "previous_secret")
    found = await tx.execute(_CLAIM, values)
    return [Claimed(_read(row), *(row[name] for name in more)) for row in found]


async def seconds_to_next(tx: Tx) -> float | None:
    """Until the next try is due, below 0 if it is overdue; None: nothing waits."""
    found = (await tx.execute(_SECONDS)).scalar()
    return None if found is None else float(found)


async def failing_endpoints(tx: Tx) -> int:
    """How many endpoints take nothing, as far as is known."""
    return int((await tx.execute(_FAILING)).scalar())


async def settle(tx: Tx, claimed: Claimed, verdict: Verdict, told: Told, ms: int) -> bool:
    """Write down how a try ended; False: that is known, or it was tried by somebody else meanwhile."""
    found = claimed.delivery
    place = {"organization": found.organization_id, "id": found.id}
    ended = {"state": verdict.state, "reason": verdict.reason, "wait": verdict.wait}
    if not await tx.change(_SETTLE, {**place, **ended, "tried": found.tried}):
        return False
    said = {"status": told.status, "trouble": told.trouble, "ms": ms}
    await tx.execute(_TRIED, {**place, **said, "number": found.tried})
    return True


async def give_up(tx: Tx, claimed: Claimed, most: int, reason: str) -> bool:
    """It was tried `most` times, and this claim was no try. False: somebody else has it meanwhile."""
    found = claimed.delivery
    place = {"organization": found.organization_id, "id": found.id}
    ended = {"most": most, "reason": reason, "tried": found.tried}
    return bool(await tx.change(_GIVE_UP, {**place, **ended}))


async def note_taken(tx: Tx, place: tuple[str, str]) -> None:
    """The endpoint works."""
    await tx.execute(_TAKEN, {"organization": place[0], "id": place[1]})


async def note_failed(tx: Tx, place: tuple[str, str], give_up: timedelta) -> bool:
    """The endpoint failed. Whether it did nothing else for that long."""
    values = {"organization": place[0], "id": place[1], "give_up": give_up}
    return bool((await tx.execute(_FAILED, values)).scalar())


async def note_troubled(tx: Tx, place: tuple[str, str]) -> bool:
    """It is known that the endpoint fails. False: it was known before."""
    values = {"organization": place[0], "id": place[1]}
    return (await tx.execute(_TROUBLED, values)).first() is not None


async def disable(tx: Tx, place: tuple[str, str], reason: str) -> bool:
    """Send nothing there any more. False: nothing was sent there already."""
    values = {"organization": place[0], "id": place[1], "reason": reason}
    return (await tx.execute(_DISABLE, values)).first() is not None


async def send_again(tx: Tx, organization_id: str, delivery_id: str) -> Delivery | None:
    """Let it be tried now; one that had ended, from the beginning."""
    asked = {"organization": organization_id, "id": delivery_id}
    row = (await tx.execute(_AGAIN, asked)).first()
    return _read(row) if row else None


async def find_delivery(
    tx: Tx, organization_id: str, delivery_id: str
) -> tuple[Delivery, bytes] | None:
    """The delivery and its body, if it is one of the organization."""
    asked = {"organization": organization_id, "id": delivery_id}
    row = (await tx.execute(_FIND, asked)).first()
    return (_read(row), bytes(row.body)) if row else None


async def tries_of(tx: Tx, organization_id: str, delivery_id: str) -> list[Try]:
    """Its last hundred tries, the newest first."""
    asked = {"organization": organization_id, "id": delivery_id}
    return [Try(*row) for row in await tx.execute(_TRIES, asked)]


async def list_deliveries(
    tx: Tx, organization_id: str, before: str, most: int, which: Mapping[str, str | None]
) -> list[Delivery]:
    """Deliveries before the id `before` ('': all), the newest first; of one `endpoint`, of one `state`."""
    asked = {"organization": organization_id, "before": before or _NEWEST, "most": most}
    statement = _LISTS[bool(which["endpoint"]), bool(which["state"])]
    given = {name: value for name, value in which.items() if value}
    return [_read(row) for row in await tx.execute(statement, {**asked, **given})]


async def forget(tx: Tx, kept: timedelta) -> int:
    """Delete deliveries that are older, with their tries; how many."""
    return await tx.change(_FORGET, {"kept": kept})


def _read(row: Row) -> Delivery:
    values = {name: row[name] for name in _NAMES}
    return Delivery(**{**values, "state": DeliveryState(row.state)})
