"""Who calls the platform, and whether the call is let in: token, scope, frequency."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.failures import EVERY_PATH
from services.douyin_simulator.domain.platform import platform_day
from services.douyin_simulator.domain.tokens import (
    ACTS_FOR_ACCOUNT,
    ACTS_FOR_APP,
    Token,
    check_account_token,
    check_token,
)
from services.douyin_simulator.domain.traits import PathLimit

Fields = dict[str, Any]  # Any: foreign JSON, checked by whoever reads it


class Needs(StrEnum):
    """Whose token a call must carry."""

    APP = "app"
    ACCOUNT = "account"
    EITHER = "either"


# The fields of one answer, or the code of a refusal.
Answer = dict[str, Any] | list[str] | int


@dataclass(slots=True)
class Call:
    """One call as it came in; `fields` holds the query, and the form or JSON object over it.

    `client_key` is the app's whose token it carries, once the call was let in.
    """

    path: str
    open_id: str
    access_token: str
    fields: Fields = field(default_factory=dict)
    body: bytes = b""
    content_type: str = ""
    host: str = ""
    client_key: str = ""

    def text(self, name: str) -> str:
        """A field that is text; empty if it is missing or something else."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str, default: int | None = None) -> int | None:
        """A field that is a whole number, or text of digits; None if it is something else."""
        value = self.fields.get(name, default)
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= 19:  # noqa: PLR2004
            return int(value)
        return value if type(value) is int else None


def admit(world: World, call: Call, needs: Needs, scope: str) -> int:
    """0 if the call is let in, or the code with which it is sent away."""
    now_ms, state = world.now_ms(), world.store.state
    token = state.tokens.get(call.access_token)
    refused = _check(token, call, needs, now_ms)
    if refused or token is None:
        return refused
    if scope:
        if not state.apps[token.client_key].may(scope):
            return codes.MISSING_CAPABILITY
        if not token.grants(scope):
            return codes.NOT_AUTHORISED
    call.client_key = token.client_key
    return check_frequency(world, token.client_key, call.path, now_ms)


def check_frequency(world: World, client_key: str, path: str, now_ms: int) -> int:
    """0 and one call counted, or the code of a limit that was ordered for this path."""
    limits = world.store.state.shelves.of(PathLimit)
    if not limits:
        return codes.OK
    limit = limits.get(path) or limits.get(EVERY_PATH)
    if limit is None:
        return codes.OK
    day = platform_day(now_ms)
    called = world.store.state.called.get((client_key, path, day), 0)
    if limit.per_day and called >= limit.per_day:
        return codes.DAILY_QUOTA_USED_UP
    second, most = now_ms // 1000, limit.per_second
    if most and not world.pace.allows(client_key, path, second, most):
        return codes.CALLED_TOO_FAST
    if limit.per_day:
        world.store.append({"t": "called", "client_key": client_key, "path": path, "day": day})
    return codes.OK


def _check(token: Token | None, call: Call, needs: Needs, now_ms: int) -> int:
    if needs is Needs.ACCOUNT:
        return check_account_token(token, call.open_id, now_ms)
    kinds = ACTS_FOR_APP if needs is Needs.APP else ACTS_FOR_APP | ACTS_FOR_ACCOUNT
    return check_token(token, kinds, now_ms)
