"""What fans write during a fault run, and the poster that brings it as Douyin does.

The poster's history is what the run is judged by: only what it saw acknowledged counts as taken.
"""

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import aiohttp

from services.direct_messages.domain.items import wording
from services.embedded.demo import RULES
from tests.e2e import wire
from tests.e2e.wire import Inbound

REPLIES = {rule.name: wording(rule.replies[0]) for rule in RULES}
# what a fan may write, and the rule that it fires; no text fires two rules
PHRASES = {
    "问价格": "{n} 号连衣裙多少钱呀 👗",
    "发货物流": "{n} 号单子什么时候发货",
    "问尺码": "{n} 号裙子尺码怎么选",
    "问面料": "{n} 号毛衣是什么面料",
    "地址门店": "你们门店怎么走 {n}",
    "优惠活动": "{n} 号有优惠吗",
    "营业时间": "{n}，请问营业时间",
    "订单号": "我的订单 2024{n:06d}",
    "打招呼": "在吗",
    "默认回复": "随便看看 {n}",
    "退换与投诉": "{n} 号我要退货",
}
HANDS_OVER = "退换与投诉"
_EACH = 5  # messages of one fan: the loop guard takes more than ten in a minute for a robot
_HANDED_OVER = 0.02
_DUPLICATES = 0.1
_TIMEOUT = aiohttp.ClientTimeout(total=5)
_PAUSES = (0.5, 1.0, 2.0, 3.0)  # before the next try; the last one again and again


@dataclass(frozen=True, slots=True)
class Said:
    """A message and the rule that it should fire."""

    inbound: Inbound
    rule: str


@dataclass(slots=True)
class History:
    """What the poster did and saw."""

    said: dict[str, Said]
    acknowledged: dict[str, float] = field(default_factory=dict)
    tries: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0


def invent(count: int, dice: random.Random, mark: str) -> list[Said]:
    """`count` messages of many fans who do not follow, each fan asking different things."""
    said = []
    ordinary = [name for name in PHRASES if name != HANDS_OVER]
    for number in range(0, count, _EACH):
        fan = f"{mark}-fan-{number // _EACH:05d}"
        asked = dice.sample(ordinary, _EACH)
        if dice.random() < _HANDED_OVER:
            asked[dice.randrange(_EACH)] = HANDS_OVER
        for offset, rule in enumerate(asked[: count - number]):
            text = PHRASES[rule].format(n=number + offset)
            message_id = f"@{mark}-{number + offset:06d}=="
            said.append(Said(wire.said(fan, text, message_id), rule))
    return said


def deliveries(said: Sequence[Said], dice: random.Random) -> list[tuple[str, bytes, str]]:
    """(message id, body, Msg-Id) in the order of posting: shuffled, a tenth of them twice.

    A second one names another Msg-Id, and half of those come in other bytes.
    """
    planned = []
    for one in said:
        message_id = one.inbound.message_id
        planned.append((message_id, one.inbound.body(), f"m-{message_id}"))
        if dice.random() < _DUPLICATES:
            body = one.inbound.body(escaped=dice.random() < 0.5)
            planned.append((message_id, body, f"again-{message_id}"))
    dice.shuffle(planned)
    return planned


async def post_all(
    hook: str,
    planned: Sequence[tuple[str, bytes, str]],
    history: History,
    rate: float,
    patience: float,
) -> None:
    """Post at `rate` a second whatever the answers are; repeat each until it is acknowledged."""
    began = time.monotonic()
    deadline = began + len(planned) / rate + patience
    connector = aiohttp.TCPConnector(limit=300)
    async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session:
        poster = _Poster(hook, session, history, deadline)
        async with asyncio.TaskGroup() as group:
            for number, delivery in enumerate(planned):
                late = began + number / rate - time.monotonic()
                if late > 0:
                    await asyncio.sleep(late)
                group.create_task(poster.deliver(*delivery))


class _Poster:
    def __init__(
        self, hook: str, session: aiohttp.ClientSession, history: History, deadline: float
    ) -> None:
        self._hook, self._session, self._history = hook, session, history
        self._deadline = deadline
        self._jitter = random.Random(len(history.said))

    async def deliver(self, message_id: str, body: bytes, header: str) -> None:
        """Until acknowledged, or until the patience ends."""
        heading = wire.headers(body, header)
        pauses = itertools.chain(_PAUSES, itertools.repeat(_PAUSES[-1]))
        while time.monotonic() < self._deadline:
            answer = await self._try(body, heading)
            self._history.answers[answer] += 1
            if answer == "200":
                self._history.acknowledged.setdefault(message_id, time.monotonic())
                return
            await asyncio.sleep(next(pauses) * self._jitter.uniform(0.7, 1.3))

    async def _try(self, body: bytes, heading: dict[str, str]) -> str:
        began = time.monotonic()
        self._history.tries += 1
        try:
            async with self._session.post(self._hook, data=body, headers=heading) as response:
                await response.read()
                took = time.monotonic() - began
                self._history.slowest = max(self._history.slowest, took)
                return str(response.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return type(error).__name__
