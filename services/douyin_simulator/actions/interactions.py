"""The interaction log: what an account's fans did, also what no webhook delivered."""

from itertools import islice
from typing import Final

from services.douyin_simulator.actions.calling import Answer, Call
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes
from services.douyin_simulator.store.state import HeardEvent

_PAGE_MAX: Final = 100
_SESSION: Final = "s-"
_MS_FROM: Final = 10**11


def interaction_log(world: World, call: Call) -> Answer:
    """Events between two times, oldest first; `query_session` carries on where a page ended."""
    begin, end = call.number("start_time", 0), call.number("end_time", 10**10)
    count, skipped = call.number("count", 20), _skipped(call.text("query_session"))
    if begin is None or end is None or count is None or skipped is None:
        return codes.ILLEGAL_PARAMETER
    if not 0 < count <= _PAGE_MAX:
        return codes.ILLEGAL_PARAMETER
    begin_ms, end_ms = (one if one > _MS_FROM else one * 1000 for one in (begin, end))
    name = call.text("event")
    fitting = (
        event
        for event in world.store.state.heard.get(call.open_id, ())
        if begin_ms <= event.at_ms <= end_ms and name in ("", event.name)
    )
    page = list(islice(fitting, skipped, skipped + count + 1))
    return {
        "intention_log_infos": [_shown(event) for event in page[:count]],
        "query_session": f"{_SESSION}{skipped + min(count, len(page))}",
        "has_more": len(page) > count,
    }


def _shown(event: HeardEvent) -> dict[str, str]:
    return {
        "open_id": event.open_id,
        "event": event.name,
        "content": event.body.decode(),
        "event_time": str(event.at_ms),
    }


def _skipped(session: str) -> int | None:
    digits = session.removeprefix(_SESSION)
    if not session:
        return 0
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 10 else None  # noqa: PLR2004
