"""How fast a draft is tried on history: `python -m tests.load.replaying [messages]`. Loopback only.

History is one real conversation multiplied: the same rows that the product writes, with texts of its own. A third
of it matches a rule that the draft changes.
"""

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from services.direct_messages.actions import run_replays
from services.direct_messages.service import SERVICE as DIRECT_MESSAGES
from services.embedded.servers import PostgresServer, ValkeyServer
from services.quota.service import SERVICE as QUOTA
from tests.service.direct_messages.conftest import ACC, PRICE, Shop
from tests.support.world import migrate_all, open_world

GOAL: Final = 20_000  # messages a second
_SERVICES: Final = [QUOTA, DIRECT_MESSAGES]
_SAID: Final = ("多少钱啊", "在吗", "请问发货了吗，什么时候能到")
_MESSAGES: Final = """
INSERT INTO direct_messages.message SELECT (jsonb_populate_record(NULL::direct_messages.message, to_jsonb(m) ||
  jsonb_build_object('id', 'dm_' || lpad(n::text, 20, '0'), 'platform_message_id', '@n' || n))).*
FROM (SELECT row_number() OVER (ORDER BY id) - 1 AS place, x.* FROM direct_messages.message x
  WHERE direction = 'in') m JOIN generate_series(1, $1) n ON n % 3 = m.place
"""
_DECISIONS: Final = """
INSERT INTO direct_messages.decision SELECT (jsonb_populate_record(NULL::direct_messages.decision, to_jsonb(d) ||
  jsonb_build_object('message_id', 'dm_' || lpad(n::text, 20, '0')))).*
FROM (SELECT row_number() OVER (ORDER BY message_id) - 1 AS place, x.* FROM direct_messages.decision x) d
JOIN generate_series(1, $1) n ON n % 3 = d.place
"""


async def measure(postgres: PostgresServer, valkey: ValkeyServer, count: int) -> None:
    """Make history, replay it, print what it cost."""
    postgres.create_database("replaying")
    url = postgres.url("replaying")
    await migrate_all(url, _SERVICES)
    async with open_world(url, valkey.url(), _SERVICES) as world:
        shop = Shop(world)
        await shop.policy(dm__rules__max_per_account=1000)
        await shop.rules(PRICE, *({**PRICE, "keywords": [f"词{n}"]} for n in range(999)))
        for text in _SAID:
            await shop.says(text)
        await world.sql(_MESSAGES, count)
        await world.sql(_DECISIONS, count)
        await world.sql("ANALYZE direct_messages.message, direct_messages.decision")
        rule = (await shop.get(f"/v1/accounts/{ACC}/rules")).json()["data"]
        price = next(r for r in rule if r["keywords"] == PRICE["keywords"])
        new = {**PRICE, "replies": [{"text": "88 元"}]}
        draft = {"changes": [{"rule_id": price["id"], "rule": new}]}
        await shop.call("PUT", f"/v1/accounts/{ACC}/rule-draft", draft, If_Match="*")
        for rules in ("draft", "records"):
            await _replay(shop, rules)


async def _replay(shop: Shop, rules: str) -> None:
    made = await shop.call("POST", f"/v1/accounts/{ACC}/rule-replays", {"rules": rules})
    began, used, memory = time.perf_counter(), time.process_time(), _memory()
    found: dict[str, Any] = made.json()
    while found["state"] != "done":
        await run_replays(shop.deps)
        found = (await shop.get(made.headers["location"])).json()
    lasted, used = time.perf_counter() - began, time.process_time() - used
    print(
        f"{rules}: {found['done']} messages in {lasted:.1f} s ({used:.1f} s of our CPU):"
        f" {found['done'] / lasted:,.0f} a second; {found['differ']} differ,"
        f" {found['mismatches']} mismatches; memory + {_memory() - memory:.0f} MB"
    )
    if rules == "draft":
        print(f"goal {GOAL:,} a second: {'met' if found['done'] / lasted >= GOAL else 'NOT MET'}")


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Start what is needed, measure, stop it."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with (
            PostgresServer(place / "postgres", fast=True) as postgres,
            ValkeyServer(place / "valkey", persistent=False) as valkey,
        ):
            asyncio.run(measure(postgres, valkey, count))


if __name__ == "__main__":
    main()
