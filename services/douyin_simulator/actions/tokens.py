"""Issuing, refreshing and renewing the tokens of apps and accounts."""

import secrets
from dataclasses import asdict
from typing import Final, NamedTuple

from services.douyin_simulator.actions.calling import Answer, Call
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.platform import App
from services.douyin_simulator.domain.tokens import (
    CLIENT_TOKEN_LIFE_S,
    Token,
    TokenKind,
    after_new_client_token,
    calls_too_often,
    check_code,
    check_refresh,
    check_renewal,
)
from services.douyin_simulator.store.state import Record

RENEWAL_SCOPE: Final = "renew_refresh_token"
# What an authorisation shows that was given for everything.
_SHOWN_SCOPES: Final = ("user_info", "fans.list")


class Owner(NamedTuple):
    """Whose a token is, and what it grants."""

    client_key: str
    open_id: str = ""
    scopes: tuple[str, ...] | None = None

    @classmethod
    def of(cls, token: Token) -> "Owner":
        """The owner of another token."""
        return cls(token.client_key, token.open_id, token.scopes)


def client_token(world: World, call: Call) -> Answer:
    """A new token of the app; the one before it lives five more minutes, older ones end."""
    app = app_with_secret(world, call)
    if isinstance(app, int):
        return app
    if call.text("grant_type") != "client_credential":
        return codes.PARAMETER_ERROR
    now_ms, state = world.now_ms(), world.store.state
    calls = state.client_token_calls.get(app.client_key, ())
    if calls_too_often(list(calls), now_ms):
        return codes.TOO_OFTEN
    older = [state.tokens[value] for value in state.client_tokens.get(app.client_key, [])[:3]]
    fresh = new_token(world, TokenKind.CLIENT, Owner(app.client_key), CLIENT_TOKEN_LIFE_S)
    replaced = after_new_client_token(older, now_ms)
    world.store.append(*[token_record(token) for token in (*replaced, fresh)])
    return {"access_token": fresh.value, "expires_in": CLIENT_TOKEN_LIFE_S}


def access_token(world: World, call: Call) -> Answer:
    """Tokens of an account for an authorisation code, which is used up."""
    app = app_with_secret(world, call)
    if isinstance(app, int):
        return app
    if call.text("grant_type") != "authorization_code" or not call.text("code"):
        return codes.PARAMETER_ERROR
    now_ms = world.now_ms()
    code = world.store.state.tokens.get(call.text("code"))
    refused = check_code(code, app.client_key, now_ms)
    if refused or code is None:
        return refused
    access = new_token(world, TokenKind.ACCESS, Owner.of(code), world.manners.access_token_life_s)
    refresh = new_token(
        world, TokenKind.REFRESH, Owner.of(code), world.manners.refresh_token_life_s
    )
    world.store.append(*map(token_record, (code.killed_by(now_ms), access, refresh)))
    return _pair(access, refresh, now_ms)


def refresh_token(world: World, call: Call) -> Answer:
    """A new access token. The refresh token stays as it is and lives no longer for it."""
    refresh = _known_refresh(world, call)
    if isinstance(refresh, int):
        return refresh
    if call.text("grant_type") != "refresh_token":
        return codes.PARAMETER_ERROR
    now_ms = world.now_ms()
    refused = check_refresh(refresh, call.text("client_key"), now_ms)
    if refused or refresh is None:
        return refused
    access = new_token(
        world, TokenKind.ACCESS, Owner.of(refresh), world.manners.access_token_life_s
    )
    ends_ms = now_ms + world.manners.previous_access_token_life_s * 1000
    previous = [token.killed_by(ends_ms) for token in _access_tokens(world, refresh)]
    world.store.append(*map(token_record, (*previous, access)))
    return _pair(access, refresh, now_ms)


def renew_refresh_token(world: World, call: Call) -> Answer:
    """A new refresh token, at most five times; the old one ends at once."""
    refresh = _known_refresh(world, call)
    if isinstance(refresh, int):
        return refresh
    now_ms, client_key = world.now_ms(), call.text("client_key")
    refused = check_renewal(refresh, client_key, now_ms)
    if refused or refresh is None:
        return refused
    if not world.store.state.apps[client_key].may(RENEWAL_SCOPE):
        return codes.NO_RENEWAL
    fresh = new_token(
        world,
        TokenKind.REFRESH,
        Owner.of(refresh),
        world.manners.refresh_token_life_s,
        renewals=refresh.renewals + 1,
    )
    world.store.append(token_record(refresh.killed_by(now_ms)), token_record(fresh))
    return {"refresh_token": fresh.value, "expires_in": world.manners.refresh_token_life_s}


def given_token(kind: TokenKind, client_key: str, open_id: str, value: str, until: int) -> Record:
    """The record of a token whose value the settings choose; `until` in ms."""
    return token_record(Token(value, kind, client_key, open_id, until))


def app_with_secret(world: World, call: Call) -> App | int:
    """The app whose key and secret the call names, or why it is not believed."""
    client_key, secret = call.text("client_key"), call.text("client_secret")
    if not client_key or not secret:
        return codes.PARAMETER_ERROR
    app = world.store.state.apps.get(client_key)
    if app is None:
        return codes.UNKNOWN_CLIENT_KEY
    same = secrets.compare_digest(app.client_secret.encode(), secret.encode())
    return app if same else codes.WRONG_CLIENT_SECRET


def new_token(
    world: World, kind: TokenKind, owner: Owner, life_s: int, *, renewals: int = 0
) -> Token:
    """A token with a value of its own that lives from now on."""
    value = f"{kind.value}.{secrets.token_hex(24)}"
    until_ms = world.now_ms() + life_s * 1000
    return Token(
        value,
        kind,
        owner.client_key,
        owner.open_id,
        until_ms,
        renewals=renewals,
        scopes=owner.scopes,
    )


def token_record(token: Token) -> Record:
    """The record of a token."""
    return {"t": "token", **asdict(token)}


def shown_scopes(scopes: tuple[str, ...] | None) -> list[str]:
    """What an answer lists: `im.*` scopes never, although they hold."""
    return [scope for scope in scopes or _SHOWN_SCOPES if not scope.startswith("im.")]


def _known_refresh(world: World, call: Call) -> Token | int | None:
    if not call.text("client_key") or not call.text("refresh_token"):
        return codes.PARAMETER_ERROR
    if call.text("client_key") not in world.store.state.apps:
        return codes.UNKNOWN_CLIENT_KEY
    return world.store.state.tokens.get(call.text("refresh_token"))


def _access_tokens(world: World, refresh: Token) -> list[Token]:
    now_ms = world.now_ms()
    return [
        token
        for token in world.store.state.tokens.values()
        if token.kind is TokenKind.ACCESS
        and (token.client_key, token.open_id) == (refresh.client_key, refresh.open_id)
        and token.lives_at(now_ms)
    ]


def _pair(access: Token, refresh: Token, now_ms: int) -> Answer:
    return {
        "access_token": access.value,
        "expires_in": (access.expires_at_ms - now_ms) // 1000,
        "refresh_token": refresh.value,
        "refresh_expires_in": (refresh.expires_at_ms - now_ms) // 1000,
        "open_id": access.open_id,
        "scope": ",".join(shown_scopes(access.scopes)),
        "captcha": "",
        "desc_url": "",
    }
