"""What is true of an account, a fan or a path beyond what every message needs to know."""

from dataclasses import dataclass
from typing import Any

from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.things import Thing


@dataclass(frozen=True, slots=True)
class AccountTraits(Thing):
    """What keeps an account from sending; `id` is its open id."""

    workbench: bool = False
    certified: bool = True
    banned: bool = False
    phone: str = ""


@dataclass(frozen=True, slots=True)
class FanTraits(Thing):
    """A fan as the platform knows them; `id` is the open id.

    `person` is the same under every app. `standing` is ok, banned, closed or private; gender is 0
    unknown, 1 male, 2 female.
    """

    person: str = ""
    standing: str = "ok"
    club_level: int = 0
    active: bool = True
    gender: int = 0
    city: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class PathLimit(Thing):
    """How often an app may call one path; 0 means as often as it likes. `id` is the path."""

    per_second: int = 0
    per_day: int = 0


@dataclass(frozen=True, slots=True)
class Override(Thing):
    """Values that a control has put in place of the settings; `id` says of which."""

    values: dict[str, Any]  # Any: checked by the control, each with its own type


_STANDINGS = {
    "banned": codes.USER_BANNED,
    "closed": codes.USER_CLOSED,
    "private": codes.USER_PRIVATE,
}


def check_person(traits: FanTraits | None) -> int:
    """0, or why nothing is told about a person."""
    return codes.OK if traits is None else _STANDINGS.get(traits.standing, codes.OK)


def check_parties(account: AccountTraits | None, fan: FanTraits | None) -> int:
    """0, or why this account may not write, or this fan may not be written to."""
    if account is not None:
        if account.banned:
            return codes.SENDER_BANNED
        if not account.certified:
            return codes.SENDER_NOT_CERTIFIED
        if account.workbench:
            return codes.WORKBENCH_ACTIVE
    if fan is not None and fan.standing in ("banned", "closed"):
        return codes.RECEIVER_BANNED
    return codes.OK
