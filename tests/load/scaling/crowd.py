"""Fans who follow the shop: the limit of replies does not count for them, however often they write."""

import asyncio

from services.embedded.demo import ACCOUNT, ORGANIZATION
from services.fans.actions import Imported, import_fans
from services.fans.service import deps_of
from tests.load.generator import a_fan
from tests.load.rules import resources_of
from tests.load.system import MASTER_KEY, System, Void, until

_TOLD_AT_ONCE, _IMPORTED_AT_ONCE = 20_000, 250
_PATIENCE = 60  # seconds, and as many more as fans need that are heard of a hundred a second
_FOLLOWERS = """
SELECT least(
    (SELECT count(*) FROM quota.fan_fact WHERE follows AND starts_with(open_id, $1)),
    (SELECT count(*) FROM direct_messages.fan_fact WHERE follows AND starts_with(fan_open_id, $1)))
"""
_UNLIMITED = """
SELECT count(*) FROM quota.bucket
WHERE limit_key = 'dm.reply' AND cap IS NULL AND starts_with(subject, $1)
"""


def follow(system: System, crowd: str, fans: int) -> None:
    """Let the crowd follow the shop, as the platform and everybody of ours knows. Raises Void."""
    people = [a_fan(crowd, number) for number in range(fans)]
    for start in range(0, fans, _TOLD_AT_ONCE):
        told = [{"open_id": fan, "follows": True} for fan in people[start : start + _TOLD_AT_ONCE]]
        system.ask("fans", {"fans": told, "notify": False})
    asyncio.run(_take_over(system, people))
    until(fans, lambda: _count(system, _FOLLOWERS, crowd), _PATIENCE + fans / 100)


def require_no_limit(system: System, crowd: str, fans: int) -> None:
    """Raise Void unless quota answered everybody of the crowd, and last as one without a limit."""
    free = _count(system, _UNLIMITED, crowd)
    if free != fans:
        raise Void(f"quota limits replies to {fans - free} of {fans} fans")


async def _take_over(system: System, people: list[str]) -> None:
    resources = resources_of(system.database_url, system.redis_url, MASTER_KEY)
    deps = deps_of(resources)
    for start in range(0, len(people), _IMPORTED_AT_ONCE):
        some = [
            Imported(fan, None, follows=True) for fan in people[start : start + _IMPORTED_AT_ONCE]
        ]
        await import_fans(deps, (ORGANIZATION, ACCOUNT), some)
    await resources.close()


def _count(system: System, statement: str, crowd: str) -> int:
    return int(system.sql(statement, a_fan(crowd, 0).removesuffix("000000"))[0][0])
