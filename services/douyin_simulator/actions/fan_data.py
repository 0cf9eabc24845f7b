"""What the platform tells an account about its fans."""

import hashlib
from collections import Counter
from typing import Any, Final

from services.douyin_simulator.actions.calling import Answer, Call
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes, demo
from services.douyin_simulator.domain.identifiers import union_id
from services.douyin_simulator.domain.traits import FanTraits, check_person

_LISTED_MAX: Final = 5000
_PAGE_MAX: Final = 50
_AGES: Final = ("1-11", "12~17", "18-23", "24~29", "30~35", "36-41", "42~50", "50+")
_ACTIVE_DAYS: Final = ("0-4", "5~8", "9~12", "13~16", "17~20", "20+")
_DEVICES: Final = ("iPhone", "华为", "小米", "其他")
_INTERESTS: Final = ("美食", "旅行", "汽车", "教育")
_FLOWS: Final = ("vv", "like_cnt", "comment_cnt", "share_video_cnt")


def check_fan(world: World, call: Call) -> Answer:
    """Whether one person follows, and since when in seconds."""
    fan, state = call.text("follower_open_id"), world.store.state
    if not fan:
        return codes.BAD_PARAMETER
    if fan == call.open_id:
        return codes.SAME_OPEN_ID
    refused = check_person(state.shelves.of(FanTraits).get(fan))
    if refused:
        return refused
    since_ms = state.followed_at_ms.get((call.open_id, fan))
    if since_ms is None:
        return {"is_follower": False}
    return {"is_follower": True, "follow_time": since_ms // 1000}


def list_fans(world: World, call: Call) -> Answer:
    """The newest followers in no order, page by page."""
    cursor, count = call.number("cursor", 0), call.number("count", 10)
    if cursor is None or count is None or cursor < 0 or not 0 < count <= _PAGE_MAX:
        return codes.BAD_PARAMETER
    followers = _followers(world, call.open_id)
    newest = sorted(followers[-_LISTED_MAX:], key=_shuffled)
    page = newest[cursor : cursor + count]
    return {
        "list": [_profile(world, fan) for fan in page],
        "cursor": cursor + len(page),
        "has_more": cursor + count < len(newest),
        "total": len(newest),
    }


def fans_data(world: World, call: Call) -> Answer:
    """The portrait of all followers. What the platform here does not know is spread evenly."""
    followers = _followers(world, call.open_id)
    shelf = world.store.state.shelves.of(FanTraits)
    traits = [shelf.get(fan, FanTraits(fan)) for fan in followers]
    genders = Counter(str(one.gender) for one in traits if one.gender)
    cities = Counter(one.city for one in traits if one.city)
    number = len(followers)
    portrait = {
        "all_fans_num": number,
        "gender_distributions": _counted(genders),
        "age_distributions": _spread(_AGES, number),
        "geographical_distributions": _counted(cities),
        "active_days_distributions": _spread(_ACTIVE_DAYS, number),
        "device_distributions": _spread(_DEVICES, number),
        "interest_distributions": _spread(_INTERESTS, number),
        "flow_contributions": [
            {"flow": flow, "fans_sum": number, "all_sum": number * 2} for flow in _FLOWS
        ],
    }
    return {"fans_data": portrait}


def _followers(world: World, account: str) -> list[str]:
    followed = world.store.state.followed_at_ms
    return [fan for owner, fan in followed if owner == account]


def _shuffled(open_id: str) -> bytes:
    return hashlib.blake2b(open_id.encode(), digest_size=8).digest()


def _profile(world: World, open_id: str) -> dict[str, Any]:
    state = world.store.state
    fan = state.fans.get(open_id) or demo.unseen_fan(open_id)
    traits = state.shelves.of(FanTraits).get(open_id, FanTraits(open_id))
    return {
        "open_id": open_id,
        "union_id": union_id(state.world_id, traits.person or open_id),
        "nickname": fan.nickname,
        "avatar": fan.avatar,
        "city": traits.city,
        "province": "",
        "country": "中国" if traits.city else "",
        "gender": traits.gender,
    }


def _counted(counter: Counter[str]) -> list[dict[str, Any]]:
    return [{"item": item, "value": value} for item, value in sorted(counter.items())]


def _spread(items: tuple[str, ...], number: int) -> list[dict[str, Any]]:
    share, left = divmod(number, len(items))
    return [{"item": item, "value": share + (place < left)} for place, item in enumerate(items)]
