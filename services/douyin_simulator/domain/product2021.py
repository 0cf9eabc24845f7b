"""The 2021 product's push, red packets and lottery, for which Douyin has no API: rules of our own."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from services.douyin_simulator.domain.things import Thing

RED_PACKET_LIFE_MS: Final = 24 * 3_600_000
SHARE_MAX_CENTS: Final = 20_000
_SHANGHAI: Final = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True)
class Push(Thing):
    """One push of an account to fans; `reached` got it, `missed` says why the others did not."""

    account: str
    kind: str
    content: dict[str, Any]  # Any: shown as it came
    at_ms: int
    reached: tuple[str, ...]
    missed: dict[str, str]


@dataclass(frozen=True, slots=True)
class RedPacket(Thing):
    """Money in a group. `shares` are fixed when it is made and claimed in order."""

    group: str
    total_cents: int
    shares: tuple[int, ...]
    created_at_ms: int
    claimed_by: tuple[str, ...] = ()

    def claim(self, fan: str, now_ms: int) -> "RedPacket | str":
        """The packet once a fan has a share, or why they get none."""
        if fan in self.claimed_by:
            return "has claimed already"
        if now_ms >= self.created_at_ms + RED_PACKET_LIFE_MS:
            return "the packet has expired"
        if len(self.claimed_by) >= len(self.shares):
            return "nothing is left"
        return replace(self, claimed_by=(*self.claimed_by, fan))

    def refunded_cents(self, now_ms: int) -> int:
        """What went back to the account after a day."""
        expired = now_ms >= self.created_at_ms + RED_PACKET_LIFE_MS
        return sum(self.shares[len(self.claimed_by) :]) if expired else 0


@dataclass(frozen=True, slots=True)
class Lottery(Thing):
    """A draw among members of a group; `winners` is empty until it was drawn."""

    group: str
    prize: str
    prizes: int
    draws_at_ms: int
    entries: tuple[str, ...] = ()
    winners: tuple[str, ...] = ()
    drawn: bool = False

    def draw(self) -> "Lottery":
        """The lottery with its winners: an order that nobody can choose, the same every time."""
        order = sorted(self.entries, key=lambda fan: _digest(self.id, fan))
        return replace(self, winners=tuple(order[: self.prizes]), drawn=True)


def month_of(at_ms: int) -> tuple[int, int]:
    """Year and month on the platform's calendar."""
    local = datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(_SHANGHAI)
    return local.year, local.month


def pushes_in_month(pushes: Iterable[Push], account: str, now_ms: int) -> int:
    """How many pushes an account has made in the month of `now_ms`."""
    month = month_of(now_ms)
    return sum(1 for push in pushes if push.account == account and month_of(push.at_ms) == month)


def split(total_cents: int, count: int, *, evenly: bool, seed: str) -> tuple[int, ...] | None:
    """Shares of at least a cent that add up exactly; None if there is no such split.

    Uneven shares follow the double-mean method: each is between a cent and twice the mean of what
    is left, within what the largest share allows.
    """
    if not 0 < count <= total_cents or total_cents > count * SHARE_MAX_CENTS:
        return None
    if evenly:
        share, left = divmod(total_cents, count)
        return tuple(share + (place < left) for place in range(count))
    shares, left = [], total_cents
    for place in range(count - 1):
        others = count - place - 1
        lowest = max(1, left - others * SHARE_MAX_CENTS)
        highest = min(SHARE_MAX_CENTS, left - others, 2 * left // (others + 1))
        spread = max(highest, lowest) - lowest + 1
        share = lowest + int.from_bytes(_digest(seed, str(place)), "big") % spread
        shares.append(share)
        left -= share
    return (*shares, left)


def _digest(*parts: str) -> bytes:
    return hashlib.blake2b("\x1f".join(parts).encode(), digest_size=8).digest()
