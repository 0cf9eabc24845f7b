"""Prefixed, time-ordered ids (`acc_…`, `dm_…`). Used by every service."""

import os
import threading
import time

from opentelemetry import trace


class _Ticks:
    """Microseconds that never repeat or go back within this process."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        self._last = max(self._last + 1, time.time_ns() // 1_000)
        return self._last


class _Chance:
    """Random bytes of the system, fetched a page at a time: one call to the kernel for hundreds of ids."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._page, self._at = b"", 0
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:  # two processes must never draw the same
        self._lock = threading.Lock()  # a thread that held it was not taken along
        self._page, self._at = b"", 0

    def draw(self, count: int) -> bytes:
        with self._lock:  # nor two threads
            if self._at + count > len(self._page):
                self._page, self._at = os.urandom(_PAGE), 0
            start, self._at = self._at, self._at + count
            return self._page[start : self._at]


_PAGE = 4096
_ticks = _Ticks()
_chance = _Chance()


def chance(count: int) -> bytes:
    """That many random bytes, at most 4096, fit for keys and nonces."""
    return _chance.draw(count)


def new(prefix: str) -> str:
    """A new id: the prefix, microseconds and 72 bits of chance as hex; sorts by time, here strictly."""
    return f"{prefix}_{_ticks.next():014x}{chance(9).hex()}"


def trace_parent() -> str:
    """The W3C `traceparent` of the span that is under way here, else of a trace that begins."""
    found = trace.get_current_span().get_span_context()
    if found.is_valid:
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"
    raw = chance(24).hex()
    return f"00-{raw[:32]}-{raw[32:]}-01"
