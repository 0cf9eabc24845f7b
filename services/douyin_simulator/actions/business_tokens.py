"""Business tokens: an app acts for an account that is bound to it by a business relation."""

from services.douyin_simulator.actions.calling import Answer, Call
from services.douyin_simulator.actions.tokens import (
    Owner,
    app_with_secret,
    new_token,
    shown_scopes,
    token_record,
)
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes
from services.douyin_simulator.domain.tokens import (
    BUSINESS_REFRESH_LIFE_S,
    BUSINESS_TOKEN_LIFE_S,
    Token,
    TokenKind,
    check_refresh,
)


def business_token(world: World, call: Call) -> Answer:
    """A business token and the one that refreshes it."""
    app = app_with_secret(world, call)
    if isinstance(app, int):
        return app
    if not call.text("open_id"):
        return codes.PARAMETER_ERROR
    account = world.store.state.accounts.get(call.text("open_id"))
    if account is None or account.client_key != app.client_key:
        return codes.ILLEGAL_PARAMETER
    scopes = tuple(filter(None, call.text("scope").split(","))) or None
    if any(not app.may(scope) for scope in scopes or ()):
        return codes.MISSING_CAPABILITY
    return _issue(world, Owner(app.client_key, account.open_id, scopes))


def refresh_business_token(world: World, call: Call) -> Answer:
    """A new business token; both old ones end at once."""
    app = app_with_secret(world, call)
    if isinstance(app, int):
        return app
    if not call.text("refresh_token"):
        return codes.PARAMETER_ERROR
    old, now_ms = world.store.state.tokens.get(call.text("refresh_token")), world.now_ms()
    refused = check_refresh(old, app.client_key, now_ms, TokenKind.BUSINESS_REFRESH)
    if refused or old is None:
        return refused
    ended = [
        token.killed_by(now_ms)
        for token in world.store.state.tokens.values()
        if token.kind in (TokenKind.BUSINESS, TokenKind.BUSINESS_REFRESH)
        and (token.client_key, token.open_id) == (old.client_key, old.open_id)
        and token.lives_at(now_ms)
    ]
    world.store.append(*map(token_record, ended))
    return _issue(world, Owner.of(old))


def business_scopes(world: World, call: Call) -> Answer:
    """What the token of the call grants."""
    token = world.store.state.tokens[call.access_token]
    return list(token.scopes) if token.scopes is not None else shown_scopes(None)


def _issue(world: World, owner: Owner) -> Answer:
    fresh: Token = new_token(world, TokenKind.BUSINESS, owner, BUSINESS_TOKEN_LIFE_S)
    refresh = new_token(world, TokenKind.BUSINESS_REFRESH, owner, BUSINESS_REFRESH_LIFE_S)
    world.store.append(token_record(fresh), token_record(refresh))
    return {
        "biz_token": fresh.value,
        "biz_expires_in": BUSINESS_TOKEN_LIFE_S,
        "biz_refresh_token": refresh.value,
        "biz_refresh_expires_in": BUSINESS_REFRESH_LIFE_S,
    }
