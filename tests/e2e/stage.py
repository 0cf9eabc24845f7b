"""Shops set up for conversations: an app of their own, accounts bound and heard of, rules published."""

import asyncio
import base64
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import asyncpg
import httpx2

from tests.e2e import wire
from tests.e2e.hooked import Tool
from tests.e2e.house import House
from tests.e2e.script import Shop
from tests.support.receiving import Receiver, receiving

APP: Final = wire.Shop("awtalks01234567", "talks-0123456789abcdef0123456789", "")
PATIENCE_S: Final = 30.0
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
# how far the clock may go before owners authorise again: an access token lives for 15 days
_TOKENS_LAST: Final = timedelta(days=10)


@dataclass
class OpenShop:
    """A shop that hears its fans."""

    name: str
    script: Shop
    account: str
    open_id: str
    token: str = ""  # with which its app acts for it
    things: dict[str, str] = field(default_factory=dict)  # $card and its like
    rules: dict[str, str] = field(default_factory=dict)  # id → name


@asynccontextmanager
async def open_stage(house: House, scripts: dict[str, Shop]) -> AsyncIterator["Stage"]:
    """The running system with every shop open."""
    async with (
        receiving() as receiver,
        httpx2.AsyncClient(timeout=30, trust_env=False) as http,
        asyncpg.create_pool(house.database_url, min_size=1, max_size=4) as database,
    ):
        stage = Stage(house, http, database)
        await stage.hook(receiver)
        await stage.furnish(scripts)
        yield stage


class Stage:
    """The running system, reached by API, by the simulator's controls, and by its clock."""

    def __init__(self, house: House, http: httpx2.AsyncClient, database: asyncpg.Pool) -> None:
        self.house, self.http, self.database = house, http, database
        self.shops: dict[str, OpenShop] = {}
        self._moved = timedelta()
        self.tool: Tool

    async def hook(self, receiver: Receiver) -> None:
        """Let the shops' own system hear of rules."""
        body = {"url": receiver.url, "event_types": ["dm.rule_notified"]}
        made = await self.api("POST", "/v1/webhook-endpoints", body)
        self.tool = Tool(receiver, made.json()["secret"])

    async def furnish(self, scripts: dict[str, Shop]) -> None:
        """Open every shop."""
        app = {"client_key": APP.client_key, "client_secret": APP.secret}
        await self.control("apps", app)
        path, secrets = f"/v1/douyin-apps/{APP.client_key}", {"client_secrets": [APP.secret]}
        known = await self.asked("GET", path)  # by the stage before
        condition = {"if_match": known.headers["etag"]} if known.is_success else {}
        await self.api("PUT", path, secrets, **condition)
        for name, script in scripts.items():
            self.shops[name] = await self._opened(name, script)
        for shop in self.shops.values():
            await self._furnish(shop)

    # --------------------------------------------------------------------------------- reaching

    async def api(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx2.Response:
        """A call that must work, with the demo's key; `if_match` and its like are headers."""
        answer = await self.asked(method, path, body, **headers)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    async def asked(
        self, method: str, path: str, body: Any = None, **headers: str
    ) -> httpx2.Response:
        """A call that may be refused."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["Authorization"] = f"Bearer {self.house.demo['api_key']}"
        url = f"{self.house.base}{path}"
        return await self.http.request(method, url, json=body, headers=named)

    async def control(self, what: str, body: Any) -> Any:
        """One of the simulator's controls."""
        answer = await self.http.post(f"{self.house.simulator}/_simulator/{what}", json=body)
        assert answer.is_success, f"{what}: {answer.text}"
        return answer.json()

    async def platform(self, path: str, **body: Any) -> Any:
        """A call of the app's at the platform."""
        answer = await self.http.post(f"{self.house.simulator}{path}", **body)
        assert answer.is_success, answer.text
        return answer.json()

    # ------------------------------------------------------------------------------------- time

    async def advance(self, by: timedelta) -> None:
        """Move our clock and the platform's together."""
        await self.database.execute("UPDATE siyu.clock SET ahead = ahead + $1", by)
        await self.control("clock", {"advance_ms": round(by.total_seconds() * 1000)})
        self._moved += by
        if self._moved > _TOKENS_LAST:
            for shop in self.shops.values():
                await self._authorise(shop)
            self._moved = timedelta()

    async def advance_until(self, moment: str) -> None:
        """Move to the next `mon 10:00` in Shanghai."""
        day, _, clock = moment.partition(" ")
        now = (await self.database.fetchval("SELECT siyu.business_now()")).astimezone(_SHANGHAI)
        at = datetime.combine(now, datetime.strptime(clock, "%H:%M").time(), _SHANGHAI)  # noqa: DTZ007
        at += timedelta(days=(_DAYS.index(day) - now.weekday()) % 7)
        await self.advance((at if at > now else at + timedelta(days=7)) - now)

    # -------------------------------------------------------------------------------- setting up

    async def _opened(self, name: str, script: Shop) -> OpenShop:
        made = await self.api("POST", "/v1/accounts", {"name": script.shop})
        account, tag = made.json()["id"], made.headers["etag"]
        for key, value in script.policy.items():
            path = f"/v1/accounts/{account}/policy/{key}"
            changed = await self.api("PUT", path, {"value": value}, if_match=tag)
            tag = changed.headers["etag"]
        shop = OpenShop(name, script, account, f"biz-talks-{name}")
        about = {"open_id": shop.open_id, "client_key": APP.client_key, "nickname": script.shop}
        await self.control("accounts", about)
        return shop

    async def _furnish(self, shop: OpenShop) -> None:
        """The account bound, with a picture, a card, a video and a group, and the rules that name them."""
        await self.until_heard(shop)
        await self._authorise(shop)
        place = f"/v1/accounts/{shop.account}"
        image = await self.api(
            "POST", f"{place}/images", {"data": base64.b64encode(_png()).decode()}
        )
        shop.things["$image"] = image.json()["image_id"]
        asks = {"title": "预约咨询", "components": ["name", "phone", "city"]}
        card = await self.api("POST", f"{place}/cards", {**asks, "image_id": shop.things["$image"]})
        shop.things["$card"] = card.json()["card_id"]
        await self.control("reviews", {"id": shop.things["$card"], "status": "approved"})
        video = await self.control("videos", {"account": shop.open_id, "title": "样片"})
        shop.things["$video"] = video["id"]
        about = {"group_name": "粉丝群", "avatar_uri": shop.things["$image"], "description": "欢迎"}
        group = await self.platform(
            f"/im/group/fans/create/?open_id={shop.open_id}",
            json={**about, "group_type": 2},
            headers={"access-token": shop.token},
        )
        shop.things["$group"] = group["group_id"]
        for rule in shop.script.rules:
            made = await self.api("POST", f"{place}/rules", with_things(rule, shop))
            shop.rules[made.json()["id"]] = made.json()["name"]

    async def until_heard(self, shop: OpenShop) -> None:
        """Wait until every service knows the account and the policy that it has now."""
        told = await self.api("GET", f"/v1/accounts/{shop.account}/policy")
        version = told.json()["policy_version"]
        await self.until(
            "SELECT (SELECT max(version) FROM quota.policy WHERE account_id = $1) >= $2"
            " AND (SELECT max(version) FROM direct_messages.policy WHERE account_id = $1) >= $2"
            " AND EXISTS (SELECT 1 FROM douyin.known_account WHERE account_id = $1)",
            *(shop.account, version),
        )

    async def until(self, sql: str, *values: object) -> Any:
        """The database's first answer that is a yes or a value."""
        return await seen(lambda: self.database.fetchval(sql, *values))

    async def _authorise(self, shop: OpenShop) -> None:
        """The owner agrees, and the account is bound with fresh tokens."""
        code = (await self.control("codes", {"open_id": shop.open_id}))["code"]
        app = {"client_key": APP.client_key, "client_secret": APP.secret}
        asked = {**app, "grant_type": "authorization_code", "code": code}
        token = (await self.platform("/oauth/access_token/", data=asked))["data"]["access_token"]
        path = f"/v1/accounts/{shop.account}/douyin-binding"
        bound = await self.asked("GET", path)
        # whatever is bound now: time moved, and the connector may renew it just then
        condition = {"if_match": "*"} if bound.is_success else {}
        identity = {"client_key": APP.client_key, "open_id": shop.open_id}
        await self.api("PUT", path, {**identity, "access_token": token}, **condition)
        shop.token = str(token)


async def seen(ask: Callable[[], Awaitable[Any]]) -> Any:
    """The first answer that says something. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if found := await ask():
                return found
            await asyncio.sleep(0.02)


def with_things(value: Any, shop: OpenShop) -> Any:
    """The same with the shop's own card, video, group and picture for `$card` and its like."""
    if isinstance(value, dict):
        return {name: with_things(one, shop) for name, one in value.items()}
    if isinstance(value, list):
        return [with_things(one, shop) for one in value]
    return shop.things.get(value, value) if isinstance(value, str) else value


def _png() -> bytes:
    """A picture of one pixel."""

    def part(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return len(data).to_bytes(4) + whole + zlib.crc32(whole).to_bytes(4)

    head = part(b"IHDR", bytes([0, 0, 0, 1, 0, 0, 0, 1, 8, 0, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + head + part(b"IDAT", zlib.compress(b"\0\0")) + part(b"IEND", b"")
