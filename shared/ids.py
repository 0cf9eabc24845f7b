"""Prefixed, time-ordered ids (`acc_…`, `dm_…`). Used by every service."""

import os
import time

from opentelemetry import trace


class _Ticks:
    """Microseconds that never repeat or go back within this process."""

    def __init__(self) -> None:
        self._last = 0

    def next(self) -> int:
        self._last = max(self._last + 1, time.time_ns() // 1_000)
        return self._last


_ticks = _Ticks()


def new(prefix: str) -> str:
    """A new id: the prefix, microseconds and 72 bits of chance as hex; sorts by time, here strictly."""
    return f"{prefix}_{_ticks.next():014x}{os.urandom(9).hex()}"


def trace_parent() -> str:
    """The W3C `traceparent` of the span that is under way here, else of a trace that begins."""
    found = trace.get_current_span().get_span_context()
    if found.is_valid:
        return f"00-{found.trace_id:032x}-{found.span_id:016x}-{found.trace_flags:02x}"
    raw = os.urandom(24).hex()
    return f"00-{raw[:32]}-{raw[32:]}-01"
