"""What was stored by an earlier release is there after a migration, word for word."""

from typing import Any

from alembic import command
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from services.direct_messages.service import SERVICE
from shared.db.migrations import _alembic
from tests.service.direct_messages.conftest import ACC, PERSON, PRICE, Shop
from tests.support.world import migrate_all

RULES = f"/v1/accounts/{ACC}/rules"
SETS = f"/v1/accounts/{ACC}/rule-sets"


async def go_back(shop: Shop, revision: str) -> None:
    """The schema as an earlier release left it."""

    def down(connection: Connection) -> None:
        command.downgrade(_alembic(SERVICE.name, SERVICE.metadata, connection), revision)

    engine = create_async_engine(shop.world.owner_url)
    async with engine.begin() as connection:
        await connection.run_sync(down)
    await engine.dispose()


async def rules_of_every_set(shop: Shop) -> list[Any]:
    """The rules of each rule set, as people see them."""
    versions = [s["version"] for s in (await shop.get(SETS)).json()["data"]]
    return [(await shop.get(f"{SETS}/{version}")).json()["rules"] for version in versions]


async def test_snapshots_of_whole_rule_sets_become_states_of_rules(shop: Shop) -> None:
    price = (await shop.call("POST", RULES, PRICE)).json()
    await shop.call("POST", RULES, PERSON)
    await shop.call("PUT", f"{RULES}/{price['id']}", {**PRICE, "priority": 3}, If_Match="*")
    await shop.call("DELETE", f"{RULES}/{price['id']}", If_Match="*")
    await shop.call("POST", f"{SETS}/2/restore", {})
    live, history = (await shop.get(RULES)).json(), await rules_of_every_set(shop)

    await go_back(shop, "0004")
    (snapshot,) = await shop.world.sql(
        "SELECT jsonb_array_length(rules) FROM direct_messages.rule_set WHERE version = 3"
    )
    await migrate_all(shop.world.owner_url, [SERVICE])

    assert snapshot[0] == 2
    assert (await shop.get(RULES)).json() == live
    assert await rules_of_every_set(shop) == history
    await shop.says("多少钱")
    assert await shop.texts() == ["99 元"]
