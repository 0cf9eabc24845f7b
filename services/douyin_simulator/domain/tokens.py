"""Tokens of apps and accounts: how long they live, what replaces them, and who may use them."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from services.douyin_simulator.domain import codes

CLIENT_TOKEN_LIFE_S: Final = 7_200
ACCESS_TOKEN_LIFE_S: Final = 15 * 86_400
REFRESH_TOKEN_LIFE_S: Final = 30 * 86_400
CODE_LIFE_S: Final = 600
REPLACED_CLIENT_TOKEN_LIFE_S: Final = 300
CLIENT_TOKEN_CALLS: Final = 500
CLIENT_TOKEN_CALLS_WINDOW_S: Final = 300
RENEWALS: Final = 5
BUSINESS_TOKEN_LIFE_S: Final = 30 * 86_400
# "Long-lived" is all that is said about the token that refreshes a business token.
BUSINESS_REFRESH_LIFE_S: Final = 365 * 86_400


class TokenKind(StrEnum):
    """The prefix of a token tells its kind."""

    CLIENT = "clt"
    ACCESS = "act"
    REFRESH = "rft"
    CODE = "code"
    BUSINESS = "bus_act"
    BUSINESS_REFRESH = "bus_rft"


ACTS_FOR_APP: Final = frozenset({TokenKind.CLIENT})
# Either of them acts for an account.
ACTS_FOR_ACCOUNT: Final = frozenset({TokenKind.ACCESS, TokenKind.BUSINESS})


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `killed_at_ms` is set when something other than age ends it.

    `scopes` are those that the owner has granted; None means all that the app may have.
    """

    value: str
    kind: TokenKind
    client_key: str
    open_id: str
    expires_at_ms: int
    killed_at_ms: int | None = None
    renewals: int = 0
    scopes: tuple[str, ...] | None = None

    def grants(self, scope: str) -> bool:
        """Whether the owner has granted the scope."""
        return self.scopes is None or scope in self.scopes

    def killed_by(self, at_ms: int) -> "Token":
        """The same token, dead from `at_ms` on at the latest."""
        earlier = at_ms if self.killed_at_ms is None else min(at_ms, self.killed_at_ms)
        return replace(self, killed_at_ms=earlier)

    def lives_at(self, now_ms: int) -> bool:
        """True while it has neither aged out nor been ended."""
        return now_ms < self.expires_at_ms and not self.is_killed_at(now_ms)

    def is_killed_at(self, now_ms: int) -> bool:
        """True once a replacement or a revocation has ended it."""
        return self.killed_at_ms is not None and now_ms >= self.killed_at_ms


def check_token(token: Token | None, kinds: frozenset[TokenKind], now_ms: int) -> int:
    """0, or why a call with this token is refused where one of these kinds is wanted."""
    if token is None or token.kind not in kinds or token.is_killed_at(now_ms):
        return codes.ACCESS_TOKEN_INVALID
    return codes.OK if now_ms < token.expires_at_ms else codes.ACCESS_TOKEN_EXPIRED


def check_account_token(token: Token | None, open_id: str, now_ms: int) -> int:
    """0, or why this token may not act for the account."""
    refused = check_token(token, ACTS_FOR_ACCOUNT, now_ms)
    if refused or token is None:
        return refused
    return codes.OK if token.open_id == open_id else codes.TOKEN_OF_ANOTHER_ACCOUNT


def after_new_client_token(tokens: list[Token], now_ms: int) -> list[Token]:
    """The app's older client tokens, newest first, once another was issued.

    The newest of them lives five more minutes, all others end at once: two survive.
    """
    grace = now_ms + REPLACED_CLIENT_TOKEN_LIFE_S * 1000
    return [token.killed_by(grace if place == 0 else now_ms) for place, token in enumerate(tokens)]


def calls_too_often(calls_ms: list[int], now_ms: int) -> bool:
    """True when the client_token calls before this one already fill the five minutes."""
    since = now_ms - CLIENT_TOKEN_CALLS_WINDOW_S * 1000
    return sum(1 for at in calls_ms if since < at <= now_ms) >= CLIENT_TOKEN_CALLS


def check_code(token: Token | None, client_key: str, now_ms: int) -> int:
    """0, or why an authorisation code buys nothing."""
    if token is None or token.kind is not TokenKind.CODE or not token.lives_at(now_ms):
        return codes.CODE_USED_OR_EXPIRED
    return codes.OK if token.client_key == client_key else codes.OTHER_CLIENT_KEY


def check_refresh(
    token: Token | None, client_key: str, now_ms: int, kind: TokenKind = TokenKind.REFRESH
) -> int:
    """0, or why a refresh token refreshes nothing."""
    if token is None or token.kind is not kind or not token.lives_at(now_ms):
        return codes.REFRESH_TOKEN_EXPIRED
    return codes.OK if token.client_key == client_key else codes.OTHER_CLIENT_KEY


def check_renewal(token: Token | None, client_key: str, now_ms: int) -> int:
    """0, or why a refresh token cannot be renewed once more."""
    refused = check_refresh(token, client_key, now_ms)
    if refused or token is None:
        return refused
    return codes.TOO_OFTEN if token.renewals >= RENEWALS else codes.OK
