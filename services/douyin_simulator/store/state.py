"""The state of the simulated platform, rebuilt by applying the journal's records in order."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from services.douyin_simulator.domain.failures import Failure, FailureKind, Match
from services.douyin_simulator.domain.platform import (
    Account,
    App,
    ContextKind,
    Fan,
    ReplyContext,
    platform_day,
)
from services.douyin_simulator.domain.sends import GRANT_SCENE, GROUP_SCENE
from services.douyin_simulator.domain.tokens import CLIENT_TOKEN_LIFE_S, Token, TokenKind
from services.douyin_simulator.store.shelves import Shelves

Record = dict[str, Any]  # Any: a JSON line; each kind of record has its own fields
# Events of one account that the interaction log still shows.
_HEARD_KEPT: Final = 10_000


class PendingEvent(NamedTuple):
    """An event that was made and not yet settled. Without a body it is the echo of send `seq`."""

    msg_id: str
    client_key: str
    name: str
    body: bytes
    seq: int = 0


class SentMessage(NamedTuple):
    """One accepted message, in the order of fields in which `/_simulator/sent` shows it."""

    seq: int
    accepted_at_ms: int
    client_key: str
    open_id: str
    to_user_id: str
    conversation_id: str
    scene: str
    reply_to_msg_id: str
    msg_id: str
    content: dict[str, Any]  # Any: as received


class HeardEvent(NamedTuple):
    """An event of an account, as it was or would have been posted."""

    at_ms: int
    name: str
    open_id: str
    body: bytes


@dataclass(slots=True)
class State:
    """Everything the simulator knows. `records` counts journal lines and feeds fresh ids."""

    world_id: str = ""
    records: int = 0
    offset_ms: int = 0
    apps: dict[str, App] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    fans: dict[str, Fan] = field(default_factory=dict)
    follows: dict[tuple[str, str], bool] = field(default_factory=dict)
    followed_at_ms: dict[tuple[str, str], int] = field(default_factory=dict)
    conversations: dict[tuple[str, str], str] = field(default_factory=dict)
    contexts: dict[tuple[str, str], ReplyContext] = field(default_factory=dict)
    greetings: dict[tuple[str, str, int], int] = field(default_factory=dict)
    calls: dict[tuple[str, int], int] = field(default_factory=dict)
    called: dict[tuple[str, str, int], int] = field(default_factory=dict)
    sent: list[bytes] = field(default_factory=list)
    sent_ids: dict[str, int] = field(default_factory=dict)
    group_posts: dict[tuple[str, int], int] = field(default_factory=dict)
    # Times of proactive sends by account and day, then by fan.
    reached: dict[tuple[str, int], dict[str, set[int]]] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    client_tokens: dict[str, list[str]] = field(default_factory=dict)
    client_token_calls: dict[str, deque[int]] = field(default_factory=dict)
    muted_events: dict[tuple[str, str], bool] = field(default_factory=dict)
    failures: dict[int, Failure] = field(default_factory=dict)
    last_failure: int = 0
    pending: dict[str, PendingEvent] = field(default_factory=dict)
    heard: dict[str, deque[HeardEvent]] = field(default_factory=dict)
    shelves: Shelves = field(default_factory=Shelves)

    def apply(self, record: Record) -> None:
        """Change the state as the record says."""
        _APPLY[record["t"]](self, record)

    def count_sent(self, message: SentMessage) -> None:
        """Count one accepted send: its id, its day's calls, and what its scene has of."""
        self.sent_ids[message.msg_id] = message.seq
        day = platform_day(message.accepted_at_ms)
        call = (message.client_key, day)
        self.calls[call] = self.calls.get(call, 0) + 1
        if message.reply_to_msg_id:
            self._spend(message.open_id, message.reply_to_msg_id, message.accepted_at_ms)
        elif message.scene == GROUP_SCENE:
            post = (message.conversation_id, day)
            self.group_posts[post] = self.group_posts.get(post, 0) + 1
        elif message.scene == GRANT_SCENE:
            reached = self.reached.setdefault((message.open_id, day), {})
            reached.setdefault(message.to_user_id, set()).add(message.accepted_at_ms)

    def _spend(self, account: str, msg_id: str, at_ms: int) -> None:
        context = self.contexts[account, msg_id]
        if context.kind is ContextKind.ENTER and context.spent == 0:
            greeting = (account, context.fan, platform_day(at_ms))
            self.greetings[greeting] = self.greetings.get(greeting, 0) + 1
        opened = at_ms if context.opened_at_ms is None else context.opened_at_ms
        self.contexts[account, msg_id] = ReplyContext(
            account, context.fan, context.conversation_id, context.kind, opened, context.spent + 1
        )


def _world(state: State, record: Record) -> None:
    state.world_id = record["id"]


def _clock(state: State, record: Record) -> None:
    state.offset_ms = record["offset_ms"]


def _app(state: State, record: Record) -> None:
    scopes = record.get("scopes")
    app = App(
        record["client_key"],
        record["client_secret"],
        record["webhook_url"],
        None if scopes is None else tuple(scopes),
        record.get("redirect_domain"),
        record.get("own_open_ids", False),
    )
    state.apps[app.client_key] = app


def _account(state: State, record: Record) -> None:
    account = Account(record["open_id"], record["client_key"], record["nickname"])
    state.accounts[account.open_id] = account


def _fan(state: State, record: Record) -> None:
    fan = Fan(record["open_id"], record["nickname"], record["avatar"])
    state.fans[fan.open_id] = fan


def _follow(state: State, record: Record) -> None:
    followed = (record["account"], record["fan"])
    state.follows[followed] = record["follows"]
    if record["follows"]:
        state.followed_at_ms.setdefault(followed, record.get("at_ms", 0))
    else:
        state.followed_at_ms.pop(followed, None)


def _context(state: State, record: Record) -> None:
    account, fan, conversation = record["account"], record["fan"], record["conversation"]
    kind = ContextKind(record["kind"])
    context = ReplyContext(account, fan, conversation, kind, record["opened_at_ms"])
    state.contexts[account, record["msg_id"]] = context
    state.conversations.setdefault((account, fan), conversation)


def _token(state: State, record: Record) -> None:
    fields = {name: value for name, value in record.items() if name != "t"}
    scopes = record.get("scopes")
    fields |= {"kind": TokenKind(record["kind"]), "scopes": scopes and tuple(scopes)}
    token = Token(**fields)
    if token.kind is TokenKind.CLIENT and token.value not in state.tokens:
        state.client_tokens.setdefault(token.client_key, []).insert(0, token.value)
        calls = state.client_token_calls.setdefault(token.client_key, deque(maxlen=1000))
        calls.append(token.expires_at_ms - CLIENT_TOKEN_LIFE_S * 1000)
    state.tokens[token.value] = token


def _muted(state: State, record: Record) -> None:
    state.muted_events[record["client_key"], record["event"]] = record["muted"]


def _failure(state: State, record: Record) -> None:
    fields = {name: value for name, value in record.items() if name != "t"}
    fields["kind"] = FailureKind(record["kind"])
    fields["match"] = Match(**record["match"])
    failure = Failure(**fields)
    state.failures[failure.number] = failure
    state.last_failure = failure.number


def _fired(state: State, record: Record) -> None:
    number = record["number"]
    state.failures[number] = state.failures[number].after_firing()


def _failures_cleared(state: State, record: Record) -> None:
    if record["number"] is None:
        state.failures.clear()
    else:
        state.failures.pop(record["number"], None)


def _event(state: State, record: Record) -> None:
    body = record["body"].encode()
    event = PendingEvent(record["msg_id"], record["client_key"], record["name"], body)
    state.pending[event.msg_id] = event
    account = record.get("account")
    if account:
        heard = state.heard.setdefault(account, deque(maxlen=_HEARD_KEPT))
        heard.append(HeardEvent(record["at_ms"], event.name, record["from"], body))


def _settled(state: State, record: Record) -> None:
    for msg_id in record["msg_ids"]:
        state.pending.pop(msg_id, None)


def _called(state: State, record: Record) -> None:
    called = (record["client_key"], record["path"], record["day"])
    state.called[called] = state.called.get(called, 0) + 1


def _put(state: State, record: Record) -> None:
    state.shelves.put(record["kind"], record["value"])


def _taken(state: State, record: Record) -> None:
    state.shelves.take(record["kind"], record["id"])


_APPLY: dict[str, Callable[[State, Record], None]] = {
    "world": _world,
    "clock": _clock,
    "app": _app,
    "account": _account,
    "fan": _fan,
    "follow": _follow,
    "context": _context,
    "token": _token,
    "muted": _muted,
    "failure": _failure,
    "fired": _fired,
    "failures_cleared": _failures_cleared,
    "event": _event,
    "settled": _settled,
    "called": _called,
    "put": _put,
    "taken": _taken,
}
