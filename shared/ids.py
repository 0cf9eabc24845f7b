"""Prefixed, time-ordered ids (`acc_…`, `dm_…`). Used by every service."""

import os
import time


def new(prefix: str) -> str:
    """A new id: the prefix, 48 bits of milliseconds and 80 of chance as hex, sortable by time."""
    return f"{prefix}_{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def trace_parent() -> str:
    """A fresh W3C `traceparent`: what comes from outside starts a trace of its own."""
    raw = os.urandom(24).hex()
    return f"00-{raw[:32]}-{raw[32:]}-01"
