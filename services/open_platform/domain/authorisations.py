"""Whether the owner of an account lets it send."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Authorisation:
    """`authorised`, or `needed`: then only the owner can help, and `usable_until` says how long it goes on."""

    organization_id: str
    account_id: str
    state: str
    reason: str | None
    usable_until: datetime | None
    changed_at: datetime
