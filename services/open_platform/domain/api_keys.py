"""The shape of an API key: prefix, 30 characters of chance, 6 of checksum; and what it may do."""

import hashlib
import hmac
import zlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHANCE: Final = 30  # characters, about 178 bits
_CHECK: Final = 6


class Scope(StrEnum):
    """What a key may be allowed to do."""

    DM_READ = "dm:read"
    DM_SEND = "dm:send"
    DM_MANAGE = "dm:manage"
    PUSH_READ = "push:read"
    PUSH_SEND = "push:send"
    GROUP_READ = "group:read"
    GROUP_MODERATE = "group:moderate"
    REDPACKET_ISSUE = "redpacket:issue"
    LOTTERY_DRAW = "lottery:draw"
    FANS_READ = "fans:read"
    FANS_EXPORT = "fans:export"
    LEAD_MANAGE = "lead:manage"
    LEAD_PII = "lead:pii"  # the contact of a lead in the clear
    QUOTA_READ = "quota:read"
    INSIGHT_READ = "insight:read"
    WEBHOOK_MANAGE = "webhook:manage"
    ACCOUNT_MANAGE = "account:manage"
    ISV_APP_MANAGE = "isv_app:manage"
    OPERATIONS_MANAGE = "operations:manage"  # for whoever runs Siyu: health, queues, dead letters


class KeyMode(StrEnum):
    """Whether a key is meant for real work or for trying things out; it stands in the prefix."""

    LIVE = "live"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key."""

    organization_id: str
    id: str
    name: str
    mode: str
    last4: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


_PREFIXES: Final = tuple(f"dyk_{mode}_" for mode in KeyMode)


def checksum(chance: str) -> str:
    """Six base62 digits of the CRC32, so that a scanner can tell a key from a lookalike offline."""
    number, digits = zlib.crc32(chance.encode()), ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(ALPHABET))
        digits = ALPHABET[digit] + digits
    return digits


def spelled(mode: KeyMode, chance: str) -> str:
    """The key made of 30 characters of chance."""
    return f"dyk_{mode}_{chance}{checksum(chance)}"


def is_well_formed(key: str) -> bool:
    """Whether `key` can be a key of ours at all; asks nobody."""
    prefix = next((p for p in _PREFIXES if key.startswith(p)), None)
    if prefix is None or not key.isascii():
        return False
    chance, check = key[len(prefix) : -_CHECK], key[-_CHECK:]
    return len(chance) == CHANCE and set(chance) <= set(ALPHABET) and check == checksum(chance)


def digest(pepper: bytes, key: str) -> bytes:
    """What is stored instead of the key."""
    return hmac.new(pepper, key.encode(), hashlib.sha256).digest()
