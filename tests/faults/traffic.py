"""What fans write during a fault run, and the poster that brings it as Douyin does.

The poster's history is what the run is judged by: only what it saw acknowledged counts as taken.
"""

import asyncio
import itertools
import random
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

import aiohttp

from tests.e2e import wire
from tests.e2e.wire import DEMO, Inbound, Shop
from tests.faults.stories import SAYINGS

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
ORDINARY = tuple(name for name in PHRASES if name != HANDS_OVER)
AGAIN_AND_AGAIN = tuple(name for name in ORDINARY if name != "默认回复")  # that one is once a day
EACH = 5  # messages of one fan: the loop guard takes more than ten in a minute for a robot
_ANGRY = ("12315", "12316")  # consumers' hotline: who names it is angry, and a person is called
_HANDED_OVER = 0.02
_DUPLICATES = 0.1
_TIMEOUT = aiohttp.ClientTimeout(total=5)
_PAUSES = (0.5, 1.0, 2.0, 4.0)  # before the next try; the last one again and again


@dataclass(frozen=True, slots=True)
class Said:
    """A message and the rule that it should fire."""

    inbound: Inbound
    rule: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """One body as it is posted. `header` is the Msg-Id, which lies outside the signature."""

    message_id: str
    body: bytes
    header: str
    shop: Shop


@dataclass(slots=True)
class History:
    """What the poster did and saw. Times are of `time.monotonic()`."""

    said: dict[str, Said] = field(default_factory=dict)
    tried: dict[str, float] = field(default_factory=dict)  # for the first time
    acknowledged: dict[str, float] = field(default_factory=dict)
    jumps: list[float] = field(default_factory=list)  # of the business clock, by a window or more
    withdrawn: set[str] = field(default_factory=set)  # shops whose owner did not agree for a while
    tries: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    recent: deque[tuple[str, float]] = field(default_factory=lambda: deque(maxlen=20_000))

    def note(self, answer: str, seconds: float) -> None:
        """A delivery was answered so, after so long."""
        self.answers[answer] += 1
        self.recent.append((answer, seconds))


def invent(
    count: int, dice: random.Random, mark: str, first: int = 0, shop: Shop = DEMO
) -> list[Said]:
    """`count` messages of many fans who do not follow, each fan asking different things."""
    said = []
    for number in range(first, first + count, EACH):
        fan = f"{mark}-fan-{number // EACH:05d}"
        asked = dice.sample(ORDINARY, EACH)
        if dice.random() < _HANDED_OVER:
            asked[dice.randrange(EACH)] = HANDS_OVER
        for offset, rule in enumerate(asked[: first + count - number]):
            said.append(say(fan, rule, mark, number + offset, shop))
    return said


def say(fan: str, rule: str, mark: str, number: int, shop: Shop = DEMO) -> Said:
    """Message `number` of the run, by a fan who wants what a rule gives."""
    shown = int(str(number).replace(*_ANGRY))
    text = (PHRASES.get(rule) or SAYINGS[rule]).format(n=shown)
    return Said(wire.said(fan, text, f"@{mark}-{number:06d}==", shop), rule)


def deliveries(said: Sequence[Said], dice: random.Random, copies: int = 1) -> list[Delivery]:
    """In the order of posting: shuffled, a tenth of them once more; or each `copies` times.

    A second one names another Msg-Id, and half of those come in other bytes.
    """
    planned = []
    for one in said:
        message_id, shop = one.inbound.message_id, one.inbound.shop
        planned.append(Delivery(message_id, one.inbound.body(), f"m-{message_id}", shop))
        more = copies - 1 + (dice.random() < _DUPLICATES)
        for number in range(more):
            body = one.inbound.body(escaped=dice.random() < 0.5)
            planned.append(Delivery(message_id, body, f"again-{number}-{message_id}", shop))
    dice.shuffle(planned)
    return planned


class Poster:
    """Posts at a steady rate whatever the answers are; repeats each until it is acknowledged."""

    def __init__(self, base: str, history: History) -> None:
        self.history, self._base = history, base
        self.ends = float("inf")  # when it gives up what is not acknowledged
        self._jitter = random.Random(len(history.said))
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=300)
        self._session = aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._session is not None
        await self._session.close()

    async def post(
        self, group: asyncio.TaskGroup, planned: Iterable[Delivery], rate: float
    ) -> None:
        """Begin every delivery in its turn; they go on in the group."""
        began = time.monotonic()
        for number, delivery in enumerate(planned):
            late = began + number / rate - time.monotonic()
            if late > 0:
                await asyncio.sleep(late)
            group.create_task(self.deliver(delivery))

    async def deliver(self, delivery: Delivery) -> None:
        """Until acknowledged, or until the patience ends."""
        heading = wire.headers(delivery.body, delivery.header, delivery.shop.secret)
        url = f"{self._base}/douyin/webhooks/{delivery.shop.client_key}"
        pauses = itertools.chain(_PAUSES, itertools.repeat(_PAUSES[-1]))
        self.history.tried.setdefault(delivery.message_id, time.monotonic())
        while time.monotonic() < self.ends:
            began = time.monotonic()
            answer = await self._try(url, delivery.body, heading)
            self.history.note(answer, time.monotonic() - began)
            if answer == "200":
                self.history.acknowledged.setdefault(delivery.message_id, time.monotonic())
                return
            await asyncio.sleep(next(pauses) * self._jitter.uniform(0.7, 1.3))

    async def _try(self, url: str, body: bytes, heading: dict[str, str]) -> str:
        assert self._session is not None
        began = time.monotonic()
        self.history.tries += 1
        try:
            async with self._session.post(url, data=body, headers=heading) as response:
                await response.read()
                took = time.monotonic() - began
                self.history.slowest = max(self.history.slowest, took)
                return str(response.status)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return type(error).__name__
