"""The demo tenant: made once, kept between runs, and it answers as a shop would."""

import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.direct_messages.domain.matching import compile_rules
from services.direct_messages.domain.rules import Rule
from services.embedded import demo
from services.embedded.servers import CannotStart
from services.embedded.settings import EmbeddedSettings
from shared import ids
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.douyin import MessageReceived
from shared.runtime import Resources
from tests.support.world import World, resources_for

ALL = ("open_platform", "fans", "quota", "douyin", "direct_messages")
FIELDS = {
    "base_url",
    "api_key",
    "organization_id",
    "account_id",
    "account_open_id",
    "client_key",
    "client_secret",
    "simulator_url",
}
TABLES = (
    "open_platform.organization",
    "open_platform.account",
    "open_platform.api_key",
    "fans.fan",
    "douyin.app",
    "douyin.binding",
    "direct_messages.rule",
)
OPEN_ID, FAN = "biz-open-id-0001", "fan-open-id-0001"


@pytest.fixture
def settings(tmp_path: Path) -> EmbeddedSettings:
    """Where the demo keeps its file."""
    return EmbeddedSettings(data_dir=tmp_path)


async def counts(world: World) -> dict[str, int]:
    """Rows of the tables that the demo fills."""
    found = {}
    for table in TABLES:
        ((found[table],),) = await world.sql(f"SELECT count(*) FROM {table}")
    return found


async def test_a_second_run_changes_nothing(
    worlds: Callable[..., Any], settings: EmbeddedSettings
) -> None:
    async with worlds(*ALL) as world:
        facts = await demo.seed(world.resources, settings)
        file = settings.data_dir / "demo.json"
        first, rows = file.read_text(), await counts(world)
        assert set(json.loads(first)) == FIELDS
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert (facts.account_open_id, facts.client_key) == (OPEN_ID, "awtest0123456789")
        assert rows["fans.fan"] == 300
        assert rows["direct_messages.rule"] >= 12

        await demo.seed(world.resources, settings)
        assert file.read_text() == first
        assert await counts(world) == rows


async def test_the_key_of_the_file_opens_the_tenant(
    worlds: Callable[..., Any], settings: EmbeddedSettings
) -> None:
    async with worlds(*ALL) as world:
        facts = await demo.seed(world.resources, settings)
        headers = {"Authorization": f"Bearer {facts.api_key}"}
        path = f"/v1/accounts/{facts.account_id}"
        account = (await world.http.get(path, headers=headers)).json()
        assert account["name"] == "青禾女装官方旗舰店"
        answer = await world.http.get(f"{path}/fans?open_id={FAN}", headers=headers)
        (fan,) = answer.json()["data"]
        assert (fan["nickname"], fan["follows"]) == ("粉丝甲", False)
        app = await world.http.get(f"/v1/douyin-apps/{facts.client_key}", headers=headers)
        assert app.json()["max_event_age_hours"] is None
        bound = (await world.http.get(f"{path}/douyin-binding", headers=headers)).json()
        assert bound["open_id"] == OPEN_ID


async def test_a_lost_file_makes_another_key_and_ends_the_old_one(
    worlds: Callable[..., Any], settings: EmbeddedSettings
) -> None:
    async with worlds(*ALL) as world:
        old = (await demo.seed(world.resources, settings)).api_key
        (settings.data_dir / "demo.json").write_text("{ broken")
        new = (await demo.seed(world.resources, settings)).api_key
        assert new != old
        for key, status in ((new, 200), (old, 401)):
            headers = {"Authorization": f"Bearer {key}"}
            assert (await world.http.get("/v1/organization", headers=headers)).status_code == status


async def test_who_asks_for_the_price_gets_exactly_the_price(
    worlds: Callable[..., Any], settings: EmbeddedSettings
) -> None:
    async with worlds(*ALL) as world:
        await demo.seed(world.resources, settings)
        at = await world.now()
        text = world.resources.sealer.seal(demo.ORGANIZATION, "你好，多少钱", at.date())
        event = MessageReceived(
            message_id="@msg001==",
            conversation_id="@conv001==",
            open_id=FAN,
            kind="text",
            text=text,
            created_at=at,
            window_opened_at=at,
        )
        origin = Origin(demo.ORGANIZATION, demo.ACCOUNT, "evt_v2", ids.trace_parent())
        # the first thing that any worker hears: the policy must be known already
        running = next(p for p in world.parts if p.service.name == "direct_messages")
        envelope = Envelope.of(event, origin, subject=FAN, seq=0, at=at)
        await running.worker.handlers[event.type]([envelope])
        rows = await world.sql("SELECT envelope FROM direct_messages.outbox")
        (asked,) = [orjson.loads(bytes(row["envelope"])) for row in rows]
        assert asked["type"] == "direct_messages.send_requested"
        (item,) = asked["data"]["items"]
        assert "199 元" in world.resources.sealer.open(demo.ORGANIZATION, item["text"])


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("你好，多少钱", "问价格"),
        ("在吗", "打招呼"),
        ("我要转人工", "转人工"),
        ("什么时候发货", "发货物流"),
        ("我要退款", "退换与投诉"),
        ("162 的身高穿什么", "问尺码"),
        ("门店在哪里", "地址门店"),
        ("有优惠吗", "优惠活动"),
        ("营业时间", "营业时间"),
        ("订单号：20250101001", "订单号"),
    ],
)
def test_each_question_finds_its_rule(text: str, name: str) -> None:
    assert name in {rule.name for rule in demo.RULES}
    assert _found(text) == name


def _found(text: str) -> str:
    at = datetime(2025, 1, 1, tzinfo=UTC)
    rules = [Rule(f"rule_{n:02}", 1, at, at, rule) for n, rule in enumerate(demo.RULES)]
    return compile_rules(1, rules).matches(text)[0].rule.definition.name


async def test_outside_embedded_mode_there_is_no_demo(
    database_url: str, redis_url: str, settings: EmbeddedSettings
) -> None:
    embedded = resources_for(database_url, redis_url)
    outside = Resources(embedded.settings.model_copy(update={"embedded": False}), "test")
    with pytest.raises(CannotStart, match="embedded mode only"):
        await demo.seed(outside, settings)
    assert not (settings.data_dir / "demo.json").exists()
