"""Tokens as the platform grants them: read from the payload of an answer that worked."""

from dataclasses import dataclass
from typing import Any, Final

from services.douyin.domain.answers import number

_MOST_SCOPES: Final = 100
_MOST_SCOPE: Final = 100


@dataclass(frozen=True, slots=True)
class Granted:
    """New tokens; lifetimes in seconds, None when nobody said. Holds open tokens: never log it."""

    access: str
    expires_in: int | None
    refresh: str | None
    refresh_expires_in: int | None
    open_id: str | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Renewed:
    """A new refresh token in the place of the old one. Holds an open token: never log it."""

    refresh: str
    expires_in: int | None


def granted(fields: dict[str, Any]) -> Granted | None:
    """The tokens of an account or an app; None when there are none."""
    access = _text(fields.get("access_token"))
    if access is None:
        return None
    return Granted(
        access,
        number(fields.get("expires_in")),
        _text(fields.get("refresh_token")),
        number(fields.get("refresh_expires_in")),
        _text(fields.get("open_id")),
        scopes_in(fields.get("scope")),
    )


def renewed(fields: dict[str, Any]) -> Renewed | None:
    """The renewed refresh token; None when there is none."""
    refresh = _text(fields.get("refresh_token"))
    return None if refresh is None else Renewed(refresh, number(fields.get("expires_in")))


def business_granted(fields: dict[str, Any]) -> Granted | None:
    """A business token and the one that refreshes it; None when there is none."""
    token = _text(fields.get("biz_token"))
    if token is None:
        return None
    return Granted(
        token,
        number(fields.get("biz_expires_in")),
        _text(fields.get("biz_refresh_token")),
        number(fields.get("biz_refresh_expires_in")),
    )


def scopes_in(value: object) -> tuple[str, ...]:
    """Scopes, which the platform writes as a list or as a string with commas."""
    given = value.split(",") if isinstance(value, str) else value
    if not isinstance(given, list):
        return ()
    names = (name.strip()[:_MOST_SCOPE] for name in given if isinstance(name, str))
    return tuple(dict.fromkeys(n for n in names if n and n.isascii() and n.isprintable()))[
        :_MOST_SCOPES
    ]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
