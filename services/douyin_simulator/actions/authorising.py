"""What owners decide: which app may act for their account, with which scopes, and until when."""

from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from services.douyin_simulator.actions.calling import Call
from services.douyin_simulator.actions.publishing import publish
from services.douyin_simulator.actions.seeding import account_record
from services.douyin_simulator.actions.tokens import Owner, new_token, token_record
from services.douyin_simulator.actions.world import World
from services.douyin_simulator.domain import codes, events
from services.douyin_simulator.domain.identifiers import log_id, own_open_id
from services.douyin_simulator.domain.platform import Account, App
from services.douyin_simulator.domain.tokens import CODE_LIFE_S, Token, TokenKind

Scopes = tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Consent:
    """An owner's yes: the code to send back, and the account's open id under the app."""

    code: str
    open_id: str
    client_key: str
    expires_in: int = CODE_LIFE_S


def check_request(world: World, call: Call) -> App | int:
    """The app that asks for an authorisation, or what is wrong with the link."""
    needed = ("client_key", "scope", "redirect_uri")
    if call.text("response_type") != "code" or not all(call.text(name) for name in needed):
        return codes.PARAMETER_ERROR
    app = world.store.state.apps.get(call.text("client_key"))
    if app is None:
        return codes.UNKNOWN_CLIENT_KEY
    target = urlsplit(call.text("redirect_uri"))
    if target.scheme not in ("http", "https") or not target.hostname:
        return codes.OTHER_REDIRECT
    if app.redirect_domain is not None and target.hostname != app.redirect_domain:
        return codes.OTHER_REDIRECT
    scopes = filter(None, call.text("scope").split(","))
    return app if all(app.may(scope) for scope in scopes) else codes.MISSING_CAPABILITY


def agree(world: World, app: App, open_id: str, scopes: Scopes, *, notify: bool) -> Consent | None:
    """The owner agrees: an account acts through one app at a time, so another one loses it.

    None if there is no such account. The other app is not told, as on the platform.
    """
    account = world.store.state.accounts.get(open_id)
    if account is None:
        return None
    if account.client_key != app.client_key:
        end_tokens(world, open_id, refresh_too=True)
        name = own_open_id(app.client_key, open_id) if app.own_open_ids else open_id
        world.store.append(account_record(name, app.client_key, account.nickname))
        account = world.store.state.accounts[name]
    code = new_token(
        world, TokenKind.CODE, Owner(app.client_key, account.open_id, scopes), CODE_LIFE_S
    )
    world.store.append(token_record(code))
    if notify:
        _tell(world, account, scopes, (events.AUTHORISED, events.CONTRACT_AUTHORISED))
    return Consent(code.value, account.open_id, app.client_key)


def issue_code(world: World, open_id: str, scopes: Scopes = None) -> Consent | None:
    """An authorisation code, as if the owner had agreed. None: unknown account."""
    account = world.store.state.accounts.get(open_id)
    if account is None:
        return None
    app = world.store.state.apps[account.client_key]
    return agree(world, app, open_id, scopes, notify=False)


def withdraw(world: World, open_id: str, scopes: Scopes, *, notify: bool) -> int | None:
    """The owner takes scopes back, or everything. Returns how many tokens changed.

    Tokens without a scope left end at once. None if there is no such account.
    """
    account = world.store.state.accounts.get(open_id)
    if account is None:
        return None
    living = _living(world, open_id)
    if scopes is None:
        changed = end_tokens(world, open_id, refresh_too=True)
    else:
        narrower = [_without(token, scopes) for token in living]
        world.store.append(*map(token_record, narrower))
        changed = len(narrower)
    if notify:
        told = (events.UNAUTHORISED, events.CONTRACT_UNAUTHORISED)
        _tell(world, account, scopes, told)
    return changed


def end_tokens(world: World, open_id: str, *, refresh_too: bool) -> int:
    """End an account's tokens now. Returns how many."""
    now_ms = world.now_ms()
    kinds = {TokenKind.ACCESS, TokenKind.BUSINESS}
    if refresh_too:
        kinds |= {TokenKind.REFRESH, TokenKind.BUSINESS_REFRESH}
    ended = [token.killed_by(now_ms) for token in _living(world, open_id) if token.kind in kinds]
    world.store.append(*map(token_record, ended))
    return len(ended)


def _living(world: World, open_id: str) -> list[Token]:
    now_ms = world.now_ms()
    tokens = world.store.state.tokens.values()
    return [one for one in tokens if one.open_id == open_id and one.lives_at(now_ms)]


def _without(token: Token, scopes: tuple[str, ...]) -> Token:
    had = events.SCOPES if token.scopes is None else token.scopes
    return replace(token, scopes=tuple(scope for scope in had if scope not in scopes))


def _tell(world: World, account: Account, scopes: Scopes, names: tuple[str, str]) -> None:
    """`im.*` scopes travel in the contract event, as their bindings; all others in the first."""
    said = events.SCOPES if scopes is None else scopes
    direct = [scope for scope in said if not scope.startswith("im.")]
    contracts = [f"{scope}.bind" for scope in said if scope.startswith("im.")]
    for name, shown in zip(names, (direct, contracts), strict=True):
        if shown:
            log = log_id(world.now_ms(), world.store.state.records)
            parties = (account.client_key, account.open_id, "")
            event = events.Event(name, *parties, log, {"scopes": shown})
            publish(world, event, conversation_id=None)
