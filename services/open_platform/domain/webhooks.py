"""Endpoints of organizations, and how what is sent to them is signed (Standard Webhooks 1.0.0)."""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

ENDPOINTS_MAX: Final = 20  # an organization
SECRET_BYTES: Final = 32
_SECRET_PREFIX: Final = "whsec_"


class EndpointState(StrEnum):
    """Whether anything is sent there. What waits for a disabled endpoint is held."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"  # kept while its deliveries are shown


class DisabledReason(StrEnum):
    """Why an endpoint gets nothing."""

    BY_OWNER = "by_owner"
    GONE = "gone"  # it answered 410
    FAILING = "failing"  # for days nothing but failures


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A URL of an organization, and what it wants to hear. Its secrets are kept apart."""

    organization_id: str
    id: str
    url: str
    description: str
    event_types: tuple[str, ...]
    state: EndpointState
    disabled_reason: DisabledReason | None
    failing_since: datetime | None  # the first failure since anything was taken
    previous_secret_until: datetime | None  # the old secret signs too, until then
    row_version: int
    created_at: datetime
    updated_at: datetime


def spelled_secret(raw: bytes) -> str:
    """The secret as its owner is shown it."""
    return _SECRET_PREFIX + base64.b64encode(raw).decode()


def signature(secrets: Sequence[str], webhook_id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one signature for each secret that holds."""
    signed = b".".join((webhook_id.encode(), str(timestamp).encode(), body))
    return " ".join(
        f"v1,{base64.b64encode(hmac.digest(_key(secret), signed, hashlib.sha256)).decode()}"
        for secret in secrets
    )


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(_SECRET_PREFIX))
