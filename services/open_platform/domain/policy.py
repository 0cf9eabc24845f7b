"""Which value of a policy key holds for an account: account, then organization, then profile."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

Value = bool | int | float | str | list[str] | dict[str, int | str] | None


class Origin(StrEnum):
    """Where a resolved value comes from."""

    ACCOUNT = "account"
    ORGANIZATION = "organization"
    PROFILE = "profile"


@dataclass(frozen=True, slots=True)
class Row:
    """A value of the profile, from a time on. `source` is its evidence mark."""

    key: str
    value: Value
    effective_from: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Override:
    """A value that an organization set for all its accounts, or for one of them."""

    key: str
    value: Value
    for_account: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Resolved:
    """The value that holds, whence it comes and since when. `source` stays that of the key."""

    key: str
    value: Value
    origin: Origin
    source: str
    effective_from: datetime


def resolve(
    rows: Iterable[Row], overrides: Iterable[Override], now: datetime
) -> dict[str, Resolved]:
    """Every key of the profile with the value that holds at `now`."""
    resolved: dict[str, Resolved] = {}
    for row in sorted(rows, key=lambda r: r.effective_from):
        if row.effective_from <= now:
            resolved[row.key] = Resolved(
                row.key, row.value, Origin.PROFILE, row.source, row.effective_from
            )
    for override in sorted(overrides, key=lambda o: o.for_account):
        beneath = resolved.get(override.key)
        if beneath is None:
            continue  # the profile has no such key (any more)
        origin = Origin.ACCOUNT if override.for_account else Origin.ORGANIZATION
        resolved[override.key] = Resolved(
            override.key, override.value, origin, beneath.source, override.changed_at
        )
    return dict(sorted(resolved.items()))
