"""Who follows an account, and what these people are like together, as the platform lists it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from services.douyin.domain.webhooks.fields import number, person, storable

_MOST_TEXT: Final = 1000
_GENDERS: Final = {"1": "male", "2": "female"}  # 0: the platform does not know
MOST_PARTS: Final = 1000  # of one distribution: there are some three hundred cities

Fields = dict[str, Any]  # Any: JSON, whose shape the platform changes


@dataclass(frozen=True, slots=True)
class Follower:
    """Somebody who follows, as the list shows them."""

    open_id: str
    union_id: str | None
    nickname: str | None
    avatar: str | None
    city: str | None
    province: str | None
    country: str | None
    gender: str | None


class Share(NamedTuple):
    """So many of the fans are this."""

    name: str
    fans: int


class Flow(NamedTuple):
    """How much of a number, such as plays, the fans make of what everybody makes."""

    name: str
    of_fans: int
    of_all: int


@dataclass(frozen=True, slots=True)
class Portrait:
    """All fans of an account together, who follow it."""

    fans: int
    genders: list[Share]
    ages: list[Share]
    regions: list[Share]
    active_days: list[Share]
    devices: list[Share]
    interests: list[Share]
    flows: list[Flow]


def followers_in(fields: Fields) -> list[Follower]:
    """The people of a page; a row that names no open_id is nobody."""
    people = map(_follower, _rows(fields.get("list")))
    return [one for one in people if one is not None]


def _follower(row: Fields) -> Follower | None:
    open_id = person(row.get("open_id"))
    if not open_id:
        return None
    return Follower(
        open_id,
        union_id=_text(row.get("union_id")),
        nickname=_text(row.get("nickname")),
        avatar=_text(row.get("avatar")),
        city=_text(row.get("city")),
        province=_text(row.get("province")),
        country=_text(row.get("country")),
        gender=_GENDERS.get(str(row.get("gender"))),
    )


def portrait_in(fields: Fields) -> Portrait | None:
    """The portrait of an answer; None: it does not say how many fans there are, so it says nothing."""
    found = fields.get("fans_data")
    fans = number(found.get("all_fans_num")) if isinstance(found, dict) else None
    if not isinstance(found, dict) or fans is None:
        return None

    def shares(of: str) -> list[Share]:
        return list(_shares(found.get(f"{of}_distributions")))

    return Portrait(
        fans,
        genders=[Share(_GENDERS.get(one.name, one.name), one.fans) for one in shares("gender")],
        # published with mixed separators: one for all
        ages=_dashed(shares("age")),
        regions=shares("geographical"),
        active_days=_dashed(shares("active_days")),
        devices=shares("device"),
        interests=shares("interest"),
        flows=list(_flows(found.get("flow_contributions"))),
    )


def _shares(listed: object) -> Iterator[Share]:
    for row in _rows(listed):
        name, value = _text(row.get("item")), number(row.get("value"))
        if name and value is not None:
            yield Share(name, value)


def _flows(listed: object) -> Iterator[Flow]:
    for row in _rows(listed):
        name = _text(row.get("flow"))
        of_fans, of_all = number(row.get("fans_sum")), number(row.get("all_sum"))
        if name and of_fans is not None and of_all is not None:
            yield Flow(name, of_fans, of_all)


def _rows(listed: object) -> list[Fields]:
    rows = listed[:MOST_PARTS] if isinstance(listed, list) else []
    return [row for row in rows if isinstance(row, dict)]


def _dashed(shares: list[Share]) -> list[Share]:
    return [Share(one.name.replace("~", "-"), one.fans) for one in shares]


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not 0 < len(value) <= _MOST_TEXT:
        return None
    return storable(value)
