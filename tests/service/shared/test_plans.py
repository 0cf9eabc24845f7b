"""Every statement of every service finds its rows through an index that is asked for them.

What this cannot see, how a plan changes once PostgreSQL has counted, is in each service's own `test_plans.py`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa

from shared import inbox, outbox
from shared.http import idempotency
from tests.support.plans import looks
from tests.support.world import World

SERVICES = ("direct_messages", "douyin", "fans", "open_platform", "quota")
SPINE = (inbox, outbox, idempotency)
PARTIAL = "SELECT relname FROM pg_index JOIN pg_class ON oid = indexrelid WHERE indpred IS NOT NULL"
VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")
_BINDINGS = "one row an account, at fixed times"
_ENDPOINTS = "one row a webhook endpoint, of which an organization has twenty at most"
# what walks through a table, and why it may
WALKS = {
    "direct_messages.bursts._NEXT": "what is held is held for seconds; the first of an index",
    "direct_messages.hand_offs._WAIT": "one row an agent",
    "douyin.authorisations._LAPSING": _BINDINGS,
    "douyin.authorisations._COUNT_NEEDED": _BINDINGS,
    "douyin.business._CLAIM": _BINDINGS,
    "douyin.business._ALL_LIVE": _BINDINGS,
    "douyin.inbound._FIND": "an operator reads one webhook: a look an account",
    "douyin.looks._SILENCES": _BINDINGS,
    "douyin.posts._BEGIN": _BINDINGS,
    "douyin.repairs._BEGIN": _BINDINGS,
    "douyin.tokens._CLAIM": _BINDINGS,
    "open_platform.accounts._STALE": "one row an account, when a profile has changed",
    "open_platform.webhook_deliveries._CLAIM": _ENDPOINTS,
    "open_platform.webhook_deliveries._FAILING": _ENDPOINTS,
    "open_platform.webhook_endpoints._FORGET_DELETED": _ENDPOINTS,
    "open_platform.webhook_deliveries._SECONDS": _ENDPOINTS,
}
# in every service
SPINE_WALKS = {
    "outbox._DEPTH": "what nobody acknowledged yet",
    "inbox._SIZE": "what waits for a person",
    "inbox._SETTLE": "what waits for a person",
}
OpenWorld = Callable[..., AbstractAsyncContextManager[World]]


def statements_in(module: ModuleType) -> Iterator[tuple[str, sa.TextClause]]:
    for name, value in vars(module).items():
        named: dict[str, Any] = value if isinstance(value, dict) else {"": value}
        for key, one in named.items():
            if isinstance(one, sa.TextClause) and str(one).lstrip().startswith(VERBS):
                yield f"{name}{key and f'.{key}'}", one


def rooms_of(service: str) -> Iterator[tuple[str, ModuleType]]:
    store = importlib.import_module(f"services.{service}.store")
    for found in pkgutil.walk_packages(store.__path__, f"{store.__name__}."):
        module = importlib.import_module(found.name)
        yield module.__name__.removeprefix(f"{store.__name__}."), module
    yield from ((module.__name__.rpartition(".")[2], module) for module in SPINE)


@pytest.mark.parametrize("service", SERVICES)
async def test_no_statement_walks_through_a_table(worlds: OpenWorld, service: str) -> None:
    async with worlds(service) as world:
        partial = {row[0] for row in await world.sql(PARTIAL)}  # holds only what is waited for
        database = world.resources.database(service)
        walking = set()
        seen = 0
        for room, module in rooms_of(service):
            for name, statement in statements_in(module):
                seen += 1
                found = await looks(database, statement)
                if any(not look.condition and look.by not in partial for look in found):
                    walking.add(f"{room}.{name}")
    assert seen > 15, "they are found"
    allowed = {name.partition(".")[2] for name in WALKS if name.startswith(f"{service}.")}
    assert walking == allowed | SPINE_WALKS.keys()
