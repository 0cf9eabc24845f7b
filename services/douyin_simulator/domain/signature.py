"""The webhook signature: plain SHA-1 over the secret followed by the raw body, in that order."""

import hashlib


def sign(secret: str, body: bytes) -> str:
    """Lowercase hex for the header `X-Douyin-Signature`."""
    # The platform's own algorithm, weak as it is.
    return hashlib.sha1(secret.encode() + body).hexdigest()  # noqa: S324
