"""What the 2021 product did in the app, at paths of our own."""

import orjson
import pytest

from services.douyin_simulator.domain.product2021 import split
from tests.service.douyin_simulator.conftest import ACCOUNT, FAN, Json, Platform, Start

BASE = "/_simulator/product2021"
SECOND = "fan-open-id-0002"
GROUP = "@group001=="


async def refusal(platform: Platform, path: str, body: Json) -> str:
    status, problem = await platform.status_of(BASE + path, orjson.dumps(body))
    assert (status, problem["code"]) == (409, "simulator.product2021_refused")
    detail: str = problem["detail"]
    return detail


async def joined(platform: Platform, *fans: str) -> None:
    for fan in fans:
        await platform.call("/_simulator/groups/join", {"group_id": GROUP, "fan": fan})


async def test_a_push_reaches_followers_eight_times_a_month(start: Start) -> None:
    order = {"kind": "text", "content": {"text": "上新"}, "recipients": [FAN, SECOND]}
    async with start() as platform:
        clock = await platform.get("/_simulator/clock")
        # The first hour of a month in Shanghai, so that eight pushes stay within it.
        begin_ms = 1_767_196_800_000
        await platform.call("/_simulator/clock", {"offset_ms": begin_ms - clock["now_ms"]})
        made = await platform.call(f"{BASE}/pushes", order)
        assert (made["reached"], made["missed"]) == ([SECOND], {FAN: "does not follow"})
        for _ in range(7):
            await platform.call(f"{BASE}/pushes", order)
    async with start() as platform:
        assert "8 pushes" in await refusal(platform, "/pushes", order)
        assert len((await platform.get(f"{BASE}/pushes"))["pushes"]) == 8
        assert (await platform.get("/_simulator/sent"))["messages"] == []
        await platform.advance(31 * 86_400_000)
        assert (await platform.call(f"{BASE}/pushes", order))["account"] == ACCOUNT


async def test_a_red_packet_is_claimed_once_and_its_rest_goes_back(platform: Platform) -> None:
    await joined(platform, FAN, SECOND)
    packet = {"group_id": GROUP, "total_cents": 1000, "count": 3}
    number = (await platform.call(f"{BASE}/red-packets", packet))["id"]
    claims = [
        (await platform.call(f"{BASE}/red-packets/claim", {"id": number, "fan": fan}))["cents"]
        for fan in (FAN, SECOND)
    ]
    again = {"id": number, "fan": FAN}
    assert "already" in await refusal(platform, "/red-packets/claim", again)
    stranger = {"id": number, "fan": "fan-open-id-0003"}
    assert "no member" in await refusal(platform, "/red-packets/claim", stranger)

    await platform.advance(86_400_000)
    await joined(platform, "fan-open-id-0003")
    assert "expired" in await refusal(platform, "/red-packets/claim", stranger)
    (shown,) = (await platform.get(f"{BASE}/red-packets"))["red_packets"]
    assert sum(claims) + shown["refunded_cents"] == 1000
    assert shown["claims"] == {FAN: claims[0], SECOND: claims[1]}
    assert "cannot be" in await refusal(platform, "/red-packets", {**packet, "total_cents": 2})


@pytest.mark.parametrize("total", [3, 10, 1000, 59_999, 60_000])
@pytest.mark.parametrize("evenly", [True, False])
def test_shares_add_up_to_the_cent(total: int, *, evenly: bool) -> None:
    for seed in map(str, range(50)):
        shares = split(total, 3, evenly=evenly, seed=seed)
        assert shares is not None
        assert sum(shares) == total
        assert all(1 <= share <= 20_000 for share in shares)


def test_what_cannot_be_split_is_not_split() -> None:
    assert split(2, 3, evenly=True, seed="") is None
    assert split(60_001, 3, evenly=True, seed="") is None


async def test_a_draw_has_its_time_and_its_winners(platform: Platform) -> None:
    await joined(platform, FAN, SECOND)
    wanted = {"group_id": GROUP, "prize": "福袋", "prizes": 1, "draws_in_s": 60}
    number = (await platform.call(f"{BASE}/lotteries", wanted))["id"]
    for fan in (FAN, SECOND):
        await platform.call(f"{BASE}/lotteries/enter", {"id": number, "fan": fan})
    again = {"id": number, "fan": FAN}
    assert "already" in await refusal(platform, "/lotteries/enter", again)
    assert "not due" in await refusal(platform, "/lotteries/draw", {"id": number})
    await platform.advance(60_000)
    drawn = await platform.call(f"{BASE}/lotteries/draw", {"id": number})
    assert len(drawn["winners"]) == 1
    assert await platform.call(f"{BASE}/lotteries/draw", {"id": number}) == drawn
    assert "closed" in await refusal(platform, "/lotteries/enter", again)
    assert (await platform.get(f"{BASE}/lotteries"))["lotteries"] == [drawn]
