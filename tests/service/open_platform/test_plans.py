"""Webhooks are found by what names them, however many wait or were sent."""

import re

import sqlalchemy as sa

from services.open_platform.store import webhook_deliveries, webhook_endpoints
from tests.service.open_platform.conftest import PlatformWorld
from tests.support.plans import looks, many

# statement → what the index must be asked for, table by table; '': the whole table, which is small
_NAMED = {
    "_CLAIM": {"webhook_delivery": "next_try_at|id", "webhook_endpoint": ""},
    "_SECONDS": {"webhook_delivery": "endpoint_id", "webhook_endpoint": ""},
    "_SUBSCRIBED": {"webhook_endpoint": "organization_id"},
    "_SETTLE": {"webhook_delivery": "id", "webhook_try": "delivery_id"},
    "_GIVE_UP _AGAIN": {"webhook_delivery": "id"},
    "_TRIES": {"webhook_try": "delivery_id"},
    "_TAKEN _FAILED _TROUBLED _DISABLE": {"webhook_endpoint": "id"},
    "_FIND _LOCK _SECRET _SAVE _ROTATE _DELETE": {"webhook_endpoint": "id"},
    "_FORGET": {"webhook_delivery": "created_at|ctid"},
    "_FORGET_DELETED": {"webhook_delivery": "organization_id", "webhook_endpoint": ""},
}
_LISTS = ("", "endpoint", "state", "endpoint state")


def statement(name: str) -> sa.TextClause:
    """The statement of that name."""
    rooms = (webhook_endpoints, webhook_deliveries)
    found: sa.TextClause = next(getattr(room, name) for room in rooms if hasattr(room, name))
    return found


async def test_rows_are_found_by_what_names_them(platform: PlatformWorld) -> None:
    hook = {"url": "https://hooks.example/", "event_types": ["lead.changed"]}
    made = await platform.ok("POST", "/v1/webhook-endpoints", hook)
    await platform.ok("POST", f"/v1/webhook-endpoints/{made['id']}/test")
    await platform.world.sql(
        "INSERT INTO open_platform.webhook_try SELECT organization_id, id, 1, now(), 500, 'refused', 1"
        " FROM open_platform.webhook_delivery"
    )
    await platform.world.sql(many("open_platform", "webhook_delivery", "id", "event_id"))
    await platform.world.sql(
        "INSERT INTO open_platform.webhook_try SELECT organization_id, id, 2, now(), 500, 'refused', 1"
        " FROM open_platform.webhook_delivery"
    )
    await platform.world.sql("ANALYZE")
    database = platform.world.resources.database("open_platform")
    asked = {name: named for names, named in _NAMED.items() for name in names.split()}
    plans = {name: (await looks(database, statement(name)), named) for name, named in asked.items()}
    for words in _LISTS:
        chosen = webhook_deliveries._LISTS["endpoint" in words, "state" in words]
        plans[f"list {words}"] = (await looks(database, chosen), {"webhook_delivery": "id"})
    wrong = {
        (name, look)
        for name, (found, named) in plans.items()
        for look in found
        if named.get(look.table) and not re.search(rf"\b({named[look.table]})\b", look.condition)
    }
    assert wrong == set()
    assert all(named.keys() <= {look.table for look in found} for found, named in plans.values())
