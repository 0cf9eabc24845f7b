"""Fields of events, read leniently: numbers may be texts, times seconds, and anything may be missing."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

MOST_ID: Final = 256
MOST_OPEN_ID: Final = 200  # as everywhere in our APIs and contracts
LATEST_MS: Final = 4_102_444_800_000  # the year 2100: beyond it, it is no time

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_BELOW: Final = 100_000_000_000
_MOST_KIND: Final = 64

Fields = dict[str, Any]  # Any: JSON, whose shape the platform changes


class Malformed(ValueError):
    """A field that an event cannot do without is missing or makes no sense."""


class Outer(NamedTuple):
    """Whom an event names outside of its content, and whom we know in it."""

    event: str
    from_id: str
    to_id: str
    client_key: str
    account: str  # open_id of our account; empty when none is bound

    @property
    def other(self) -> str:
        """The side that is not our account."""
        return self.to_id if self.from_id == self.account else self.from_id


def storable(text: str) -> str:
    """The text without what PostgreSQL and JSON cannot hold: NUL and lone surrogates."""
    if text.isascii():
        return text.replace("\x00", "\ufffd") if "\x00" in text else text
    return text.encode("utf-8", "replace").decode().replace("\x00", "\ufffd")


def moment(at_ms: int) -> datetime:
    """Milliseconds since 1970 as a time."""
    return _EPOCH + timedelta(milliseconds=at_ms)


def short(value: object, most: int = MOST_ID) -> str:
    """The text; empty for what is no id, or too long for one: it names nobody."""
    return storable(value) if isinstance(value, str) and len(value) <= most else ""


def person(value: object) -> str:
    """An open_id, or empty."""
    return short(value, MOST_OPEN_ID)


def kind_of(content: Fields) -> str:
    """The platform's word for what a message is."""
    return short(content.get("message_type"))[:_MOST_KIND]


def said(content: Fields, name: str) -> str | None:
    """What somebody wrote, whatever its length."""
    text = content.get(name)
    return storable(text) if isinstance(text, str) else None


def number(value: object) -> int | None:
    """A whole number, also one that came as a text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:  # noqa: PLR2004  64 bits
        return int(value)
    return None


def time_ms(value: object) -> int | None:
    """A time in milliseconds, also one that came in seconds."""
    found = number(value)
    if found is None or found <= 0:
        return None
    at_ms = found * 1000 if found < _SECONDS_BELOW else found
    return at_ms if at_ms < LATEST_MS else None


def needed(name: str, value: object, most: int = MOST_ID) -> str:
    """An id without which the event says nothing. Raises Malformed."""
    found = short(value, most)
    if not found:
        raise Malformed(name)
    return found


def needed_time(content: Fields, name: str = "create_time") -> int:
    """When it happened. Raises Malformed."""
    at_ms = time_ms(content.get(name))
    if at_ms is None:
        raise Malformed(name)
    return at_ms


def needed_number(content: Fields, name: str) -> int:
    """A number of 32 bits. Raises Malformed."""
    found = number(content.get(name))
    if found is None or abs(found) >= 2**31:
        raise Malformed(name)
    return found
