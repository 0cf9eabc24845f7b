"""Douyin's webhook signature: lower-case hex of SHA-1 over secret and raw body, secret first."""

import hashlib
import hmac
from collections.abc import Iterable


def signature(secret: str, body: bytes) -> str:
    """The header's value for `body`."""
    return hashlib.sha1(secret.encode() + body, usedforsecurity=False).hexdigest()


def is_signed(body: bytes, given: bytes, secrets: Iterable[bytes]) -> bool:
    """Whether `given` is the signature under one of the active secrets, in constant time."""
    good = False
    for secret in secrets:
        digest = hashlib.sha1(secret, usedforsecurity=False)
        digest.update(body)
        good |= hmac.compare_digest(digest.hexdigest().encode(), given)
    return good
