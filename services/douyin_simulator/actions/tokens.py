"""Issuing, refreshing and renewing tokens, and the codes that begin an authorisation."""

import secrets
from dataclasses import asdict
from typing import Any

from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.platform import App
from services.douyin_simulator.domain.tokens import (
    ACCESS_TOKEN_LIFE_S,
    CLIENT_TOKEN_LIFE_S,
    CODE_LIFE_S,
    REFRESH_TOKEN_LIFE_S,
    Token,
    TokenKind,
    after_new_client_token,
    calls_too_often,
    check_code,
    check_refresh,
    check_renewal,
    check_token,
)
from services.douyin_simulator.store.state import Record

Payload = dict[str, Any]  # Any: the fields of one answer

# What user authorisation shows; `im.*` scopes are never in this list, although they hold.
_SHOWN_SCOPES = "user_info,fans.list"


def client_token(world: World, fields: dict[str, str]) -> Payload | int:
    """A new token of the app; the one before it lives five more minutes, older ones end."""
    app = _app_with_secret(world, fields)
    if isinstance(app, int):
        return app
    if fields.get("grant_type") != "client_credential":
        return codes.PARAMETER_ERROR
    now_ms, state = world.now_ms(), world.store.state
    calls = state.client_token_calls.get(app.client_key, ())
    if calls_too_often(list(calls), now_ms):
        return codes.TOO_OFTEN
    older = [state.tokens[value] for value in state.client_tokens.get(app.client_key, [])[:3]]
    fresh = _token(world, TokenKind.CLIENT, app.client_key, "", CLIENT_TOKEN_LIFE_S)
    replaced = after_new_client_token(older, now_ms)
    world.store.append(*[_record(token) for token in (*replaced, fresh)])
    return {"access_token": fresh.value, "expires_in": CLIENT_TOKEN_LIFE_S}


def access_token(world: World, fields: dict[str, str]) -> Payload | int:
    """Tokens of an account for an authorisation code, which is used up."""
    app = _app_with_secret(world, fields)
    if isinstance(app, int):
        return app
    if fields.get("grant_type") != "authorization_code" or not fields.get("code"):
        return codes.PARAMETER_ERROR
    now_ms = world.now_ms()
    code = world.store.state.tokens.get(fields["code"])
    refused = check_code(code, app.client_key, now_ms)
    if refused or code is None:
        return refused
    access = _token(world, TokenKind.ACCESS, app.client_key, code.open_id, ACCESS_TOKEN_LIFE_S)
    refresh = _token(world, TokenKind.REFRESH, app.client_key, code.open_id, REFRESH_TOKEN_LIFE_S)
    world.store.append(_record(code.killed_by(now_ms)), _record(access), _record(refresh))
    return _pair(access, refresh, now_ms)


def refresh_token(world: World, fields: dict[str, str]) -> Payload | int:
    """A new access token. The refresh token stays as it is and lives no longer for it."""
    refresh = _known_refresh(world, fields)
    if isinstance(refresh, int):
        return refresh
    if fields.get("grant_type") != "refresh_token":
        return codes.PARAMETER_ERROR
    now_ms = world.now_ms()
    refused = check_refresh(refresh, fields["client_key"], now_ms)
    if refused or refresh is None:
        return refused
    owner = (refresh.client_key, refresh.open_id)
    access = _token(world, TokenKind.ACCESS, *owner, ACCESS_TOKEN_LIFE_S)
    ends_ms = now_ms + world.manners.previous_access_token_life_s * 1000
    previous = [_record(token.killed_by(ends_ms)) for token in _access_tokens(world, owner)]
    world.store.append(*previous, _record(access))
    return _pair(access, refresh, now_ms)


def renew_refresh_token(world: World, fields: dict[str, str]) -> Payload | int:
    """A new refresh token, at most five times; the old one ends at once."""
    refresh = _known_refresh(world, fields)
    if isinstance(refresh, int):
        return refresh
    now_ms = world.now_ms()
    refused = check_renewal(refresh, fields["client_key"], now_ms)
    if refused or refresh is None:
        return refused
    owner = (refresh.client_key, refresh.open_id)
    fresh = _token(
        world, TokenKind.REFRESH, *owner, REFRESH_TOKEN_LIFE_S, renewals=refresh.renewals + 1
    )
    world.store.append(_record(refresh.killed_by(now_ms)), _record(fresh))
    return {"refresh_token": fresh.value, "expires_in": REFRESH_TOKEN_LIFE_S}


def issue_code(world: World, open_id: str) -> Payload | None:
    """An authorisation code, as if the owner of the account had agreed. None: unknown account."""
    account = world.store.state.accounts.get(open_id)
    if account is None:
        return None
    code = _token(world, TokenKind.CODE, account.client_key, open_id, CODE_LIFE_S)
    world.store.append(_record(code))
    return {"code": code.value, "client_key": account.client_key, "expires_in": CODE_LIFE_S}


def end_access_tokens(world: World, open_id: str, *, refresh_too: bool) -> int:
    """End an account's tokens now, as when the owner withdraws. Returns how many."""
    now_ms = world.now_ms()
    kinds = {TokenKind.ACCESS, TokenKind.REFRESH} if refresh_too else {TokenKind.ACCESS}
    ended = [
        _record(token.killed_by(now_ms))
        for token in world.store.state.tokens.values()
        if token.open_id == open_id and token.kind in kinds and token.lives_at(now_ms)
    ]
    world.store.append(*ended)
    return len(ended)


def check_client_token(world: World, value: str) -> Token | int:
    """The app's token behind a call without an account, or the code of its refusal."""
    token = world.store.state.tokens.get(value)
    refused = check_token(token, TokenKind.CLIENT, world.now_ms())
    if refused or token is None:
        return codes.old_family(refused) if world.manners.old_error_family else refused
    return token


def given_token(kind: TokenKind, client_key: str, open_id: str, value: str, until: int) -> Record:
    """The record of a token whose value the settings choose; `until` in ms."""
    return _record(Token(value, kind, client_key, open_id, until))


def _app_with_secret(world: World, fields: dict[str, str]) -> App | int:
    if not fields.get("client_key") or not fields.get("client_secret"):
        return codes.PARAMETER_ERROR
    app = world.store.state.apps.get(fields["client_key"])
    if app is None:
        return codes.UNKNOWN_CLIENT_KEY
    given = fields["client_secret"].encode()
    same = secrets.compare_digest(app.client_secret.encode(), given)
    return app if same else codes.WRONG_CLIENT_SECRET


def _known_refresh(world: World, fields: dict[str, str]) -> Token | int | None:
    if not fields.get("client_key") or not fields.get("refresh_token"):
        return codes.PARAMETER_ERROR
    if fields["client_key"] not in world.store.state.apps:
        return codes.UNKNOWN_CLIENT_KEY
    return world.store.state.tokens.get(fields["refresh_token"])


def _access_tokens(world: World, owner: tuple[str, str]) -> list[Token]:
    now_ms = world.now_ms()
    return [
        token
        for token in world.store.state.tokens.values()
        if token.kind is TokenKind.ACCESS
        and (token.client_key, token.open_id) == owner
        and token.lives_at(now_ms)
    ]


def _token(
    world: World, kind: TokenKind, client_key: str, open_id: str, life_s: int, *, renewals: int = 0
) -> Token:
    value = f"{kind.value}.{secrets.token_hex(24)}"
    expires_at_ms = world.now_ms() + life_s * 1000
    return Token(value, kind, client_key, open_id, expires_at_ms, renewals=renewals)


def _record(token: Token) -> Record:
    return {"t": "token", **asdict(token)}


def _pair(access: Token, refresh: Token, now_ms: int) -> Payload:
    return {
        "access_token": access.value,
        "expires_in": (access.expires_at_ms - now_ms) // 1000,
        "refresh_token": refresh.value,
        "refresh_expires_in": (refresh.expires_at_ms - now_ms) // 1000,
        "open_id": access.open_id,
        "scope": _SHOWN_SCOPES,
        "captcha": "",
        "desc_url": "",
    }
