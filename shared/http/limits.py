"""Rate limits as callers see them: one budget of requests a credential, and the headers that tell of it.

`RateLimit-Policy` and `RateLimit` follow a draft that is no standard yet: they inform, and no client
may need them. Only here are they written.
"""

import base64
import hmac
import math
import random
import time
from dataclasses import dataclass
from typing import Any

import structlog
from starlette.types import Scope

from shared.errors import RateLimited
from shared.observability import metrics

log = structlog.get_logger()

_WINDOW = 60  # seconds
_NEAR = 0.8  # of the budget: time to warn
_KEPT_MOST = 10_000
_IN_SCOPE = "siyu.limits"


@dataclass(frozen=True, slots=True)
class Fact:
    """How one limit stands for one caller. `seconds` None: what resets it is no time."""

    name: str
    quota: int
    remaining: int
    partition: bytes
    seconds: int | None = None
    window: int | None = None


def tell(scope: Scope, *facts: Fact) -> None:
    """Let the answer to this request carry these facts."""
    scope.setdefault(_IN_SCOPE, []).extend(facts)


def headers_of(scope: Scope) -> list[tuple[bytes, bytes]]:
    """Both headers for what was told about this request; none for who did not say who he is."""
    facts: list[Fact] = scope.get(_IN_SCOPE, [])
    if not facts:
        return []
    policies = [_item(f, f";q={f.quota}", ";w=", f.window) for f in facts]
    states = [_item(f, f";r={f.remaining}", ";t=", f.seconds) for f in facts]
    return [
        (b"ratelimit-policy", ", ".join(policies).encode()),
        (b"ratelimit", ", ".join(states).encode()),
    ]


def _item(fact: Fact, count: str, mark: str, seconds: int | None) -> str:
    time_part = "" if seconds is None else f"{mark}{seconds}"
    return f'"{fact.name}"{count}{time_part};pk=:{base64.b64encode(fact.partition).decode()}:'


def partition(key: bytes, owner: str) -> bytes:
    """Whose budget it is, told without telling who that is."""
    return hmac.digest(key, owner.encode(), "sha256")[:9]


@dataclass(slots=True)
class _Window:
    ends: float
    used: int = 0


class Limits:
    """Counts requests a credential and minute, in this process. A limit of 0 counts nothing.

    In shadow mode nobody is refused: who would have been is logged and counted.
    """

    def __init__(self, key: bytes, most: int, *, is_enforced: bool) -> None:
        self._key, self._most, self._is_enforced = key, most, is_enforced
        self._windows: dict[str, _Window] = {}

    def take(self, scope: Scope, credential: str) -> None:
        """Count one request and let its answer say what is left. Raises RateLimited."""
        if not self._most:
            return
        now = time.monotonic()
        window = self._window(credential, now)
        window.used += 1
        left = max(self._most - window.used, 0)
        seconds = max(math.ceil(window.ends - now), 1)
        tell(
            scope, Fact("api", self._most, left, partition(self._key, credential), seconds, _WINDOW)
        )
        if window.used == math.ceil(self._most * _NEAR):
            log.warning("api_limit_near", key=credential, most=self._most)
        if window.used > self._most:
            self._over(credential, window, seconds)

    def _window(self, credential: str, now: float) -> _Window:
        window = self._windows.get(credential)
        if window is not None and window.ends > now:
            return window
        if len(self._windows) >= _KEPT_MOST:
            self._windows = {c: w for c, w in self._windows.items() if w.ends > now}
        # a window begins with the credential's first request, so that not all end in one instant
        self._windows[credential] = window = _Window(now + _WINDOW)
        return window

    def _over(self, credential: str, window: _Window, seconds: int) -> None:
        metrics.api_over_limit.labels("refused" if self._is_enforced else "shadow").inc()
        if window.used == self._most + 1:
            event = "over_limit" if self._is_enforced else "over_limit_shadow"
            log.warning(event, key=credential, most=self._most)
        if self._is_enforced:
            # never earlier than `t`, and not everybody in the same second
            wait = seconds + random.randrange(3)
            more: dict[str, Any] = {"violated-policies": ["api"], "retry_after": wait}
            raise RateLimited(f"at most {self._most} requests a minute", **more)
