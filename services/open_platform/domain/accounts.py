"""Organizations and their enterprise accounts."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Organization:
    """A company, or the software vendor that serves several."""

    id: str
    name: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """One enterprise account. `row_version` changes whenever anything of it changes."""

    organization_id: str
    id: str
    name: str
    timezone: str
    profile: str
    settings: Mapping[str, str]
    row_version: int
    policy_version: int
    policy_resolved_at: datetime
    created_at: datetime
    updated_at: datetime
