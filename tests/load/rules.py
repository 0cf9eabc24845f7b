"""The demo shop as the load wants it: a thousand rules, as a large shop has them (P2), and room to send."""

import random

from pydantic import SecretStr

from services.direct_messages import store
from services.direct_messages.domain.changes import Change, applied
from services.direct_messages.domain.items import TextReply
from services.direct_messages.domain.rules import Definition, Match, Mode, Trigger
from services.embedded.demo import ACCOUNT, ORGANIZATION
from services.open_platform.actions import policies
from services.open_platform.service import deps_of as platform_of
from shared import ids
from shared.db import ALL_TENANTS
from shared.runtime import Resources
from shared.settings import ProcessSettings
from tests.load.words import some_words

_KINDS = (Match.CONTAINS,) * 44 + (Match.EXACT,) * 4 + (Match.RE2,) * 2
# A fan who writes more than ten times a minute is taken for a robot; few conversations under load must.
# One second: a conversation keeps the times of its messages for as long as the guard looks back.
_NO_GUARD: dict[str, int | str] = {"sends": 86_400, "inbound": 86_400, "seconds": 1}
_ENDLESS = 100_000_000  # sends a day; an app has 100,000


def resources_of(database_url: str, redis_url: str, master_key: str) -> Resources:
    """Resources of a process of the benchmark itself."""
    settings = ProcessSettings(
        database_url=SecretStr(database_url),
        redis_url=SecretStr(redis_url),
        master_key=SecretStr(master_key),
        embedded=True,
    )
    return Resources(settings, "bench")


async def lift_limits(database_url: str, master_key: str) -> None:
    """Let fans of the demo account write as often, and its app answer as much, as the load wants."""
    resources = resources_of(database_url, "redis://127.0.0.1:1", master_key)
    platform = platform_of(resources)
    for entry in (
        ("dm.loop_guard", dict(_NO_GUARD)),
        ("api.daily_calls.direct_message", _ENDLESS),
    ):
        await policies.override(platform, ORGANIZATION, ACCOUNT, entry)
    await resources.close()


async def add_rules(database_url: str, master_key: str, count: int) -> None:
    """Bring the demo account to `count` rules in one new version; the same ones every time."""
    resources = resources_of(database_url, "redis://127.0.0.1:1", master_key)
    async with resources.database("direct_messages").transaction(ALL_TENANTS) as tx:
        known = await store.rules(tx, ORGANIZATION, ACCOUNT)
        edit = applied(known, some_changes(count - len(known)), tx.now)
        await store.add_rule_set(tx, (ORGANIZATION, ACCOUNT), edit, "a thousand", "bench")
    await resources.close()


def some_changes(count: int) -> list[Change]:
    """New rules as a large shop has them, mostly words; the same ones every time."""
    dice = random.Random(20)
    return [Change(ids.new("rule"), None, _definition(dice, number)) for number in range(count)]


def _definition(dice: random.Random, number: int) -> Definition:
    match = dice.choice(_KINDS)
    words = some_words(dice)
    is_pattern = match is Match.RE2
    return Definition(
        name=f"规则 {number}",
        trigger=Trigger.MESSAGE,
        match=match,
        keywords=() if is_pattern else words,
        pattern=f"{words[0]}.*({words[1]}|{words[2]})" if is_pattern else None,
        mode=Mode.ALL,
        replies=(TextReply(f"亲，关于{words[0]}请看商品详情页～"),),
        hand_off=False,
        priority=0,
        enabled=True,
    )
