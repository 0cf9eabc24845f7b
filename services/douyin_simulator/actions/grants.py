"""Grants for proactive messages: given by fans, asked about by apps."""

import orjson

from services.douyin_simulator.actions.calling import Answer, Call
from services.douyin_simulator.actions.publishing import publish
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes, events
from services.douyin_simulator.domain.grants import Grant, as_told, grant_id
from services.douyin_simulator.domain.identifiers import log_id
from services.douyin_simulator.domain.platform import Account
from services.douyin_simulator.store import kept

_GIVEN, _NOT_GIVEN = 1, 2
_NEW, _UPDATE = 1, 2
# A grant is long-lived; the event names a date all the same.
_LIFE_S = 10 * 365 * 86_400


def grant(world: World, account: Account, fan: str, app_id: str, *, given: bool) -> Grant:
    """A fan lets the account write first, or takes that back; the app is told."""
    number, now_ms = grant_id(account.open_id, fan), world.now_ms()
    known = world.store.state.shelves.of(Grant).get(number)
    since = known.created_at_ms if known else now_ms
    made = Grant(number, account.open_id, fan, app_id, given, since, now_ms)
    world.store.append(kept(made))
    log = log_id(now_ms, world.store.state.records)
    content = {
        "create_time": since // 1000,
        "expire_time": since // 1000 + _LIFE_S,
        "update_time": now_ms // 1000,
        "operation_type": _UPDATE if known else _NEW,
        "auth_status": _GIVEN if given else _NOT_GIVEN,
        "source": "im.direct_message.bind",
        "extra": orjson.dumps(as_told(made)).decode(),
        "log_id": log,
    }
    parties = (account.client_key, fan, account.open_id)
    publish(world, events.Event(events.GRANT, *parties, log, content), conversation_id=None)
    return made


def grant_status(world: World, call: Call) -> Answer:
    """Whether one fan lets the account write first."""
    fan = call.text("c_open_id")
    if not fan:
        return codes.ILLEGAL_PARAMETER
    known = world.store.state.shelves.of(Grant).get(grant_id(call.open_id, fan))
    if known is None or not known.given:
        return {"status": _NOT_GIVEN}
    return {"status": _GIVEN, **as_told(known)}


def granting_fans(world: World, call: Call) -> Answer:
    """All fans who let the account write first, page by page: by page number or by cursor."""
    size = call.number("page_size", 20) if "page_num" in call.fields else call.number("limit", 20)
    number, cursor = call.number("page_num", 1), call.number("cursor", 0)
    if size is None or number is None or cursor is None or not 0 < size <= 100 or number < 1:  # noqa: PLR2004
        return codes.ILLEGAL_PARAMETER
    begin = (number - 1) * size if "page_num" in call.fields else cursor
    given = [
        {"target_open_id": one.fan, "auth_user_source_app_id": one.app_id, **as_told(one)}
        for one in world.store.state.shelves.of(Grant).values()
        if one.account == call.open_id and one.given
    ]
    end = begin + size
    return {
        "auth_user_list": given[begin:end],
        "has_more": end < len(given),
        "next_cursor": min(end, len(given)),
    }
