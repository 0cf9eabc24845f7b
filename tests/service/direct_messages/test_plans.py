"""After PostgreSQL has counted, rows are still found by what names them: a batch costs what it holds."""

import re

import pytest
import sqlalchemy as sa

from services.direct_messages.store import cards, conversations, reading, recalls, waits
from services.quota.store import buckets, reservations
from shared import inbox, outbox
from shared.contracts.events.douyin import Outcome
from shared.http import idempotency
from tests.service.direct_messages.conftest import PRICE, Shop
from tests.support.plans import looks, many

# schema → statement → what the index must be asked for, table by table
_NAMED = {
    "direct_messages": {
        "_BY_FAN": {"conversation": "fan_open_id"},
        "_HEARD": {"message": "platform_message_id"},
        "_SETTLE": {"message": "operation_id"},
        "_RESERVED": {"operation": "id"},
        "_ONE _LOCKED": {"conversation": "id", "account": "organization_id"},
        "_MESSAGE": {"message": "id", "account": "organization_id"},
        "_ITEMS": {"message": "operation_id"},
        "_OPERATION": {"operation": "id"},
        "_SUPERSEDING": {"operation": "supersedes"},
        "_DECISION": {"decision": "message_id"},
        "_TIMELINE": {
            "message": "conversation_id",
            "owner_change": "conversation_id",
            "decision": "message_id",
        },
        "_DUE": {"response_clock": "ask_at", "conversation": "id", "message": "conversation_id"},
        "_ASKED": {"response_clock": "id"},
        "_STILL": {"response_clock": "id", "message": "conversation_id"},
        "_KNOWN": {"card": "card_id"},
        "_SEEN": {"inbox": "id"},
        "_ACKNOWLEDGED": {"outbox": "id"},
        "_CLAIM": {"outbox": "(send_after|ctid)"},
        "_PURGE": {"inbox": "(received_at|ctid)"},
        "_FIND": {"idempotency_key": "key"},
    },
    "quota": {
        "_POLICIES": {"policy": "account_id"},
        "_FOLLOWS": {"fan_fact": "open_id"},
        "_PEEK _LOCK _SAVE": {"bucket": "subject"},
        "_RESERVED": {"reservation": "operation_id", "ledger": "reservation_id"},
        "_LINES": {"ledger": "reservation_id"},
        "_SETTLED": {"reservation": "id"},
    },
}
_ROOMS = {
    "direct_messages": (cards, conversations, reading, recalls, waits, inbox, outbox, idempotency),
    "quota": (buckets, reservations),
}
_CASES = {
    f"{schema}.{name.strip('_').lower()}": (schema, name, named)
    for schema, statements in _NAMED.items()
    for names, named in statements.items()
    for name in names.split()
}


@pytest.fixture
async def full(shop: Shop) -> Shop:
    """Thousands of rows of the past, and statistics that know of nothing open."""
    await shop.rules(PRICE)
    await shop.says("多少钱")
    (request,) = await shop.requests()
    await shop.tell(shop.a_settlement(request, Outcome.SENT))
    await shop.world.sql(
        "INSERT INTO direct_messages.card (organization_id, account_id, card_id, seq, is_there)"
        " VALUES ('org_1', 'acc_1', '@card', 1, true)"
    )
    for table, *varied in (
        ("card", "card_id"),
        ("conversation", "id", "fan_open_id"),
        ("message", "id", "platform_message_id", "operation_id"),
        ("operation", "id"),
        ("decision", "message_id"),
        ("response_clock", "id", "conversation_id"),
        ("inbox", "id"),
        ("outbox", "id"),
    ):
        await shop.world.sql(many("direct_messages", table, *varied))
    await shop.world.sql(
        "INSERT INTO quota.fan_fact (organization_id, account_id, open_id, follows, observed_at)"
        " VALUES ('org_1', 'acc_1', 'fan', true, now())"
    )
    for table, *varied in (
        ("policy", "account_id"),
        ("fan_fact", "open_id"),
        ("bucket", "subject"),
        ("reservation", "id", "operation_id"),
        ("ledger", "reservation_id"),
    ):
        await shop.world.sql(many("quota", table, *varied))
    await shop.world.sql("UPDATE quota.reservation SET open_items = 0, committed = items")
    await shop.world.sql("ANALYZE")
    return shop


async def test_rows_are_found_by_what_names_them_whatever_was_counted(full: Shop) -> None:
    wrong: dict[str, object] = {}
    for case, (schema, name, named) in _CASES.items():
        statement = next(getattr(r, name) for r in _ROOMS[schema] if hasattr(r, name))
        assert isinstance(statement, sa.TextClause)
        found = await looks(full.world.resources.database(schema), statement)
        for look in found:
            asked = named.get(look.table)
            if asked and not re.search(rf"\b{asked}\b", look.condition):
                wrong[case] = look
        if missing := named.keys() - {look.table for look in found}:
            wrong[case] = missing
    assert wrong == {}


# An update that changes no column of an index stays on its page, and no index hears of it.
_INDEXED = """
SELECT DISTINCT a.attname FROM pg_index i
JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
 AND d.refobjid = i.indrelid
JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = d.refobjsubid
WHERE i.indrelid = 'direct_messages.message'::regclass
"""


async def test_settling_a_reply_changes_no_column_of_an_index(shop: Shop) -> None:
    indexed = {row[0] for row in await shop.world.sql(_INDEXED)}
    assert indexed >= {"platform_message_id", "operation_id", "direction"}
    changes = str(conversations._SETTLE).partition(" SET ")[2].partition(" FROM ")[0]
    written = set(re.findall(r"(\w+) = ", changes))
    assert written >= {"state", "sent_id"}
    assert not indexed & written
