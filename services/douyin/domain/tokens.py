"""What the platform's answer to a token request means."""

from dataclasses import dataclass
from typing import Any, Final

# the owner has to authorise again: refresh token over, or not of this app
_FINAL: Final = frozenset({10007, 10008, 10010, 10014, 28001007})


@dataclass(frozen=True, slots=True)
class Granted:
    """New tokens; lifetimes in seconds. A client token has no refresh token."""

    access: str
    expires_in: int | None
    refresh: str | None
    refresh_expires_in: int | None


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """No token. `is_final`: asking again is useless."""

    code: int | None
    is_final: bool


def read_tokens(answer: dict[str, Any]) -> Granted | TokenRefused:
    """The tokens in an answer of `/oauth/*`, or that there are none."""
    data = answer.get("data")
    fields = data if isinstance(data, dict) else {}
    code = _number(fields.get("error_code", answer.get("error_code")))
    access = fields.get("access_token")
    if code not in {0, None} or not isinstance(access, str) or not access:
        return TokenRefused(code, code in _FINAL)
    refresh = fields.get("refresh_token")
    return Granted(
        access,
        _number(fields.get("expires_in")),
        refresh if isinstance(refresh, str) and refresh else None,
        _number(fields.get("refresh_expires_in")),
    )


def _number(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
