"""The first morning of a world: the demo's app, account, tokens, fans and open contexts."""

import secrets
from dataclasses import asdict, replace
from typing import Final

from services.douyin_simulator.actions.fans import follow_record
from services.douyin_simulator.actions.overriding import follow_overrides
from services.douyin_simulator.actions.tokens import given_token
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import demo
from services.douyin_simulator.domain.platform import App, ContextKind, ReplyContext
from services.douyin_simulator.domain.sends import Caps
from services.douyin_simulator.domain.tokens import TokenKind
from services.douyin_simulator.store import kept
from services.douyin_simulator.store.state import Record

# The tokens of the settings outlive any demo: ten years.
_DEMO_TOKEN_LIFE_MS: Final = 10 * 365 * 86_400 * 1000


def prepare(world: World) -> None:
    """Seed a new world; in an old one, follow changed settings and reopen the demo's contexts."""
    follow_overrides(world)
    state = world.store.state
    if not state.world_id:
        fans = demo.seeded_fans(world.demo.fans)
        people: list[Record] = [
            {"t": "fan", "open_id": fan.open_id, "nickname": fan.nickname, "avatar": fan.avatar}
            for fan, _ in fans
        ]
        follows = [
            follow_record((world.demo.account, fan.open_id), world.now_ms(), follows=follows)
            for fan, follows in fans
        ]
        first: Record = {"t": "world", "id": secrets.token_hex(8)}
        world.store.append(*[first, *people, *follows])
    _follow_settings(world)
    _put_demo_things(world)
    _reopen_demo_contexts(world)


def reset(world: World) -> None:
    """A new world: nothing of the old one is left, on its way or on disk."""
    world.forget()
    world.store.clear()
    prepare(world)


def _follow_settings(world: World) -> None:
    given, state = world.demo, world.store.state
    app = state.apps.get(given.client_key)
    if app is None:
        world.store.append(app_record(App(given.client_key, given.client_secret)))
    elif app.client_secret != given.client_secret:
        world.store.append(app_record(replace(app, client_secret=given.client_secret)))
    if given.account not in state.accounts:
        world.store.append(account_record(given.account, given.client_key, demo.ACCOUNT_NAME))
    until = world.now_ms() + _DEMO_TOKEN_LIFE_MS
    tokens = (
        (TokenKind.ACCESS, given.account, given.access_token),
        (TokenKind.REFRESH, given.account, given.refresh_token),
        (TokenKind.CLIENT, "", given.client_token),
    )
    for kind, owner, value in tokens:
        if value not in state.tokens:
            world.store.append(given_token(kind, given.client_key, owner, value, until))


def _put_demo_things(world: World) -> None:
    """What the vectors name exists at every start; who has changed it keeps it."""
    shelves, given = world.store.state.shelves, world.demo
    now_ms = world.now_ms()
    for thing in demo.things(given.client_key, given.account, now_ms):
        if thing.id not in shelves.of(type(thing)):
            world.store.append(kept(thing))


def _reopen_demo_contexts(world: World) -> None:
    """The vectors' ids are open at every start, unless their window is still running."""
    now_ms, state = world.now_ms(), world.store.state
    for msg_id, kind in demo.INBOUND_IDS:
        context = state.contexts.get((world.demo.account, msg_id))
        if context is None or _is_over(context, world.caps, now_ms):
            world.store.append(
                {
                    "t": "context",
                    "account": world.demo.account,
                    "fan": demo.FIRST_FAN,
                    "conversation": demo.CONVERSATION,
                    "msg_id": msg_id,
                    "kind": kind.value,
                    "opened_at_ms": None,
                }
            )


def _is_over(context: ReplyContext, caps: Caps, now_ms: int) -> bool:
    entered = context.kind is ContextKind.ENTER
    window_s = caps.enter_window_s if entered else caps.reply_valid_s
    return context.opened_at_ms is not None and now_ms - context.opened_at_ms > window_s * 1000


def app_record(app: App) -> Record:
    """The record of an app."""
    return {"t": "app", **asdict(app)}


def account_record(open_id: str, client_key: str, nickname: str) -> Record:
    """The record of an account and the one app that it has authorised."""
    return {"t": "account", "open_id": open_id, "client_key": client_key, "nickname": nickname}
