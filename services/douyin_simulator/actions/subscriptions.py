"""Which events an app hears, and the sandbox that posts one to try."""

from typing import Any, Final

from services.douyin_simulator.actions.calling import Answer, Call
from services.douyin_simulator.actions.publishing import publish
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes, demo, events
from services.douyin_simulator.domain.identifiers import log_id

# What the sandbox offers, with a content for each; verify_webhook goes through the handshake.
_MOCKS: Final[dict[str, events.Fields]] = {
    events.VIDEO_CREATED: {"item_id": "@mock_item==", "share_id": "mock-share"},
    events.AUTHORISED: {"scopes": ["user_info"]},
    "receive_msg": {"message_type": "text", "text": "你好"},
    "enter_im": {},
    "dial_phone": {},
    "website_contact": {},
    "personal_tab_contact": {},
    events.VERIFY: {"challenge": 12345},
}


def list_events(world: World, call: Call) -> Answer:
    """Every event that the app can hear, and whether it is switched on."""
    muted = world.store.state.muted_events
    listed = [
        {"event": event, "status": 0 if muted.get((call.client_key, event)) else 1}
        for event in events.ALL
    ]
    return {"list": listed}


def switch_events(world: World, call: Call) -> Answer:
    """Switch events on or off. If one of them is unknown, nothing changes."""
    wanted = _switches(call.fields.get("list"))
    if wanted is None or not set(wanted) <= set(events.ALL):
        return codes.ILLEGAL_PARAMETER
    world.store.append(
        *(
            {"t": "muted", "client_key": call.client_key, "event": event, "muted": not on}
            for event, on in wanted.items()
        )
    )
    return list_events(world, call)


def send_mock_event(world: World, call: Call) -> Answer:
    """Post one made-up event of the app's first account."""
    name = call.text("event_type")
    if name not in _MOCKS:
        return codes.BAD_PARAMETER
    accounts = world.store.state.accounts.values()
    owners = [one.open_id for one in accounts if one.client_key == call.client_key]
    log = log_id(world.now_ms(), world.store.state.records)
    parties = (call.client_key, demo.FIRST_FAN, owners[0] if owners else "")
    publish(world, events.Event(name, *parties, log, _MOCKS[name]), conversation_id=None)
    return {}


def _switches(wanted: Any) -> dict[str, bool] | None:  # Any: foreign JSON, checked here
    try:
        return {_event_name(one["event"]): {0: False, 1: True}[one["status"]] for one in wanted}
    except (KeyError, TypeError):
        return None


def _event_name(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value
