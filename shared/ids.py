"""Prefixed, time-ordered ids (`acc_…`, `dm_…`). Used by every service."""

import os
import time

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base32, lower case
_TEXT = [a + b for a in _ALPHABET for b in _ALPHABET]  # ten bits at a time


def new(prefix: str) -> str:
    """A new id: the prefix, then 48 bits of milliseconds and 82 of chance, sortable by time."""
    number = (time.time_ns() // 1_000_000) << 82 | int.from_bytes(os.urandom(11)) >> 6
    return prefix + "_" + "".join([_TEXT[number >> shift & 1023] for shift in range(120, -1, -10)])


def trace_parent() -> str:
    """A fresh W3C `traceparent`: what comes from outside starts a trace of its own."""
    raw = os.urandom(24).hex()
    return f"00-{raw[:32]}-{raw[32:]}-01"
