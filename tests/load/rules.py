"""A thousand rules for the demo shop: what a large shop has, and what goal P2 asks for."""

import random

from pydantic import SecretStr

from services.direct_messages import store
from services.direct_messages.domain.changes import Change, applied
from services.direct_messages.domain.items import TextReply
from services.direct_messages.domain.rules import Definition, Match, Mode, Trigger
from services.embedded.demo import ACCOUNT, ORGANIZATION
from shared import ids
from shared.db import ALL_TENANTS
from shared.runtime import Resources
from shared.settings import ProcessSettings

_SIGNS = "衣裤鞋帽袜包裙衫袖领扣链绒棉麻丝羊毛皮革红橙黄绿青蓝紫黑白灰米杏棕咖粉金银春夏秋冬"
_KINDS = (Match.CONTAINS,) * 44 + (Match.EXACT,) * 4 + (Match.RE2,) * 2


async def add_rules(database_url: str, master_key: str, count: int) -> None:
    """Bring the demo account to `count` rules in one new version; the same ones every time."""
    dice = random.Random(20)
    settings = ProcessSettings(
        database_url=SecretStr(database_url),
        redis_url=SecretStr("redis://127.0.0.1:1"),
        master_key=SecretStr(master_key),
        embedded=True,
    )
    resources = Resources(settings, "bench")
    async with resources.database("direct_messages").transaction(ALL_TENANTS) as tx:
        known = await store.rules(tx, ORGANIZATION, ACCOUNT)
        added = [
            Change(ids.new("rule"), None, _definition(dice, number))
            for number in range(count - len(known))
        ]
        edit = applied(known, added, tx.now)
        await store.add_rule_set(tx, (ORGANIZATION, ACCOUNT), edit, "a thousand", "bench")
    await resources.close()


def _definition(dice: random.Random, number: int) -> Definition:
    match = dice.choice(_KINDS)
    words = tuple("".join(dice.choices(_SIGNS, k=dice.randint(2, 4))) for _ in range(3))
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
