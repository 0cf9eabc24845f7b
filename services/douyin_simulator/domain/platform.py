"""What exists on the platform: apps, accounts, fans, and the contexts that allow an answer."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class ContextKind(StrEnum):
    """Which act of the fan opened the context."""

    MESSAGE = "message"
    ENTER = "enter"


@dataclass(frozen=True, slots=True)
class App:
    """A developer's app. Without a webhook URL of its own it uses the one of the settings.

    `scopes` None means every scope; `redirect_domain` None lets an authorisation return anywhere.
    With `own_open_ids` it sees people under ids that hold for this app alone.
    """

    client_key: str
    client_secret: str
    webhook_url: str | None = None
    scopes: tuple[str, ...] | None = None
    redirect_domain: str | None = None
    own_open_ids: bool = False

    def may(self, scope: str) -> bool:
        """Whether the platform has given this app the scope."""
        return self.scopes is None or scope in self.scopes


@dataclass(frozen=True, slots=True)
class Account:
    """An enterprise account that has authorised one app; open ids hold under that app."""

    open_id: str
    client_key: str
    nickname: str


@dataclass(frozen=True, slots=True)
class Fan:
    """A person who can write to accounts."""

    open_id: str
    nickname: str
    avatar: str


class ReplyContext(NamedTuple):
    """An inbound id that may be answered, how long, and how often it was.

    `opened_at_ms` is when it arrived on the simulator's clock; None means that its window starts
    with the first send.
    """

    account: str
    fan: str
    conversation_id: str
    kind: ContextKind
    opened_at_ms: int | None
    spent: int = 0


# Local time of the platform, no summer time: UTC+8.
_SHANGHAI_MS = 8 * 3600 * 1000
_DAY_MS = 24 * 3600 * 1000


def platform_day(at_ms: int) -> int:
    """The number of the calendar day in Shanghai; caps per day start anew at its midnight."""
    return (at_ms + _SHANGHAI_MS) // _DAY_MS
