"""Live broadcasts: begun and ended in the app, found by polling, with figures that come later."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from services.douyin_simulator.actions.calling import Answer, Call
from services.douyin_simulator.actions.fans import known_account
from services.douyin_simulator.actions.group_life import sync_post
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.videos import LiveRoom
from services.douyin_simulator.store import kept

# From here on a time of the query is in ms; before, in seconds.
_MS_FROM: Final = 10**11
_FIGURES: Final = {
    "base": ("watch_ucnt", "watch_cnt", "live_duration"),
    "interactive": ("like_cnt", "comment_cnt", "follow_cnt"),
    "audience": ("gender", "age", "city"),
}


def start_live(world: World, account_id: str, title: str, viewers: int) -> LiveRoom:
    """The account goes live; no event says so. Groups that want it hear of it."""
    account = known_account(world, account_id)
    number = world.fresh_id("room", account.client_key)
    room = LiveRoom(number, account.open_id, number[1:13], title, world.now_ms(), viewers=viewers)
    world.store.append(kept(room))
    text = {"msg_type": 1, "text": {"text": f"正在直播：{title}"}}
    sync_post(world, account, "live", text)
    return room


def end_live(world: World, account_id: str) -> LiveRoom | None:
    """The broadcast that is running ends; None if none is."""
    for room in world.store.state.shelves.of(LiveRoom).values():
        if room.account == account_id and room.ended_at_ms is None:
            ended = replace(room, ended_at_ms=world.now_ms())
            world.store.append(kept(ended))
            return ended
    return None


def room_ids(world: World, call: Call) -> Answer:
    """Rooms that were live between two times; a room appears as soon as it starts."""
    begin, end = call.number("start_time"), call.number("end_time")
    if begin is None or end is None or begin > end:
        return codes.ILLEGAL_PARAMETER
    begin_ms, end_ms = (one if one > _MS_FROM else one * 1000 for one in (begin, end))
    now_ms = world.now_ms()
    found = [
        room.id
        for room in world.store.state.shelves.of(LiveRoom).values()
        if room.account == call.open_id
        and room.started_at_ms <= end_ms
        and (room.ended_at_ms or now_ms) >= begin_ms
    ]
    return {"room_ids": found}


def room_data(kind: str) -> Callable[[World, Call], Answer]:
    """The call for one kind of figures: base, interactive or audience."""

    def read(world: World, call: Call) -> Answer:
        room = world.store.state.shelves.of(LiveRoom).get(call.text("room_id"))
        if room is None or room.account != call.open_id:
            return codes.ILLEGAL_PARAMETER
        since_ms = world.now_ms() - room.started_at_ms
        ready = since_ms >= world.manners.live_data_lag_s * 1000
        slot = room.started_at_ms // 1000
        stats = [_stat(room, name, since_ms) for name in _FIGURES[kind]] if ready else []
        status = [{"name": name, "is_ready": ready, "time_slot": slot} for name in _FIGURES[kind]]
        return {"stats": stats, "data_ready_status": status}

    return read


def _stat(room: LiveRoom, name: str, since_ms: int) -> dict[str, Any]:
    value = since_ms // 1000 if name == "live_duration" else room.viewers
    return {
        "name": name,
        "item": "",
        "item_type": "",
        "timeslot": room.started_at_ms // 1000,
        "value": value,
        "value_float": float(value),
        "live_id": room.live_id,
    }
