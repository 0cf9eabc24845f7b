"""Opaque ids as the platform makes them: `@` and base64 with `+`, `/` and `==`."""

import hashlib
from base64 import b64encode, urlsafe_b64encode

# With this an open id begins that holds for one app alone.
OWN_ID_PREFIX = "_000"
# The end of the year 2199: times of the platform are written with 13 digits.
MAX_CLOCK_MS = 7_258_118_400_000


def opaque_id(*parts: object) -> str:
    """The id of the thing that the parts name; the same parts always give the same id."""
    name = "\x1f".join(map(str, parts)).encode()
    return "@" + b64encode(hashlib.blake2b(name, digest_size=16).digest()).decode()


def header_id(*parts: object) -> str:
    """A `Msg-Id` header value: plain hex, the same for every try of the same event."""
    name = "\x1f".join(map(str, parts)).encode()
    return hashlib.blake2b(name, digest_size=16).hexdigest()


def log_id(at_ms: int, number: int) -> str:
    """A log id in the platform's shape: a time in ms and a number, 52 characters."""
    return f"02{at_ms:013d}{'0' * 17}ffff{number & 0xFFFFFFFFFFFFFFFF:016x}"


def conversation_id(client_key: str, account: str, fan: str) -> str:
    """The one long-lived conversation of an account and a fan, as this app sees it."""
    return opaque_id("conversation", client_key, account, fan)


def union_id(world_id: str, person: str) -> str:
    """The id of a person for one developer, the same under all of the developer's apps."""
    return hashlib.blake2b(f"{world_id}\x1f{person}".encode(), digest_size=16).hexdigest()


def own_open_id(client_key: str, person: str) -> str:
    """The open id of a person under one app that has ids of its own."""
    digest = hashlib.blake2b(f"{client_key}\x1f{person}".encode(), digest_size=20).digest()
    return OWN_ID_PREFIX + urlsafe_b64encode(digest).decode().rstrip("=")
