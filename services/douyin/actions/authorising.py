"""An owner authorises: a link that works once, and what the platform sends back with the browser."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from services.douyin import store
from services.douyin.actions.authorisations import tell_authorised
from services.douyin.actions.configuration import Tokens, seal_tokens
from services.douyin.actions.directory import Directory
from services.douyin.clients import OAuth
from services.douyin.domain.accounts import UnknownApp
from services.douyin.domain.answers import conclude
from services.douyin.domain.authorisations import (
    LINK_LIVES,
    CodeRefused,
    LinkNotValid,
    LinkState,
    OtherDouyinAccount,
    OwnerDeclined,
    read_state,
    write_state,
)
from services.douyin.domain.codes import Group, Remedy
from services.douyin.domain.refusals import PlatformBusy
from services.douyin.domain.tokens import Granted, granted
from shared import ids
from shared.db import Database
from shared.errors import NeighbourAway, NotFound
from shared.http.client import MaybeSent, NotSent
from shared.http.idempotency import EACH_TIME, Once
from shared.sealing import Sealer

log = structlog.get_logger()

_LINKS_KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Deps:
    """What authorising needs. Holds a signing key: never log it."""

    database: Database
    sealer: Sealer
    directory: Directory
    oauth: OAuth
    key: bytes
    returns_to: str  # where the platform sends the owner's browser


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link for the owner of the account."""

    url: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Authorised:
    """What an owner has brought about."""

    account_id: str
    open_id: str


async def invite(
    deps: Deps,
    account_key: tuple[str, str],
    client_key: str,
    scopes: Sequence[str],
    once: Once[Invitation] = EACH_TIME,
) -> Invitation:
    """A link for the owner of (organization, account) that works once.

    Raises NotFound, UnknownApp, Replayed.
    """
    organization_id, account_id = account_key
    async with deps.database.transaction(organization_id) as tx:
        await once.begin(tx, organization_id)
        if not await store.knows_account(tx, organization_id, account_id):
            raise NotFound("no such account")
        if await store.find_app(tx, organization_id, client_key) is None:
            raise UnknownApp(pointer="#/client_key")
        await store.drop_links(tx, tx.now - _LINKS_KEPT)
        expires_at = (tx.now + LINK_LIVES).replace(microsecond=0)
        link = store.Link(organization_id, account_id, ids.new("lnk"), client_key, expires_at)
        await store.insert_link(tx, link)
        state = write_state(deps.key, LinkState(organization_id, account_id, link.id, expires_at))
        url = deps.oauth.authorise_url(client_key, scopes, deps.returns_to, state)
        invitation = Invitation(url, expires_at)
        await once.keep(tx, organization_id, invitation)
    log.info("owner_invited", organization=organization_id, account=account_id, link=link.id)
    return invitation


async def accept(deps: Deps, state: str, code: str | None) -> Authorised:
    """Exchange the code and bind the account to who authorised it.

    Raises LinkNotValid, OwnerDeclined, CodeRefused, OtherDouyinAccount, OpenIdTaken, PlatformBusy, NeighbourAway.
    """
    link = read_state(deps.key, state)
    if not code:
        raise OwnerDeclined
    tenant = (link.organization_id, link.account_id)
    async with deps.database.transaction(link.organization_id) as tx:
        client_key = await store.use_link(tx, *tenant, link.link_id)
    if client_key is None:
        raise LinkNotValid
    new = await _exchange(deps, link, client_key, code)
    async with deps.database.transaction(link.organization_id) as tx:
        bound = await store.find_binding(tx, *tenant)
        open_id = new.open_id or ""
        if bound and bound.client_key == client_key and bound.open_id != open_id:
            raise OtherDouyinAccount
        tokens = seal_tokens(deps.sealer, *tenant, Tokens.granted(new, tx.now))
        await store.put_binding(tx, *tenant, (client_key, open_id), tokens)
        row = await store.find_binding(tx, *tenant)
        if row is not None:
            tell_authorised(tx, row)
    deps.directory.forget()
    log.info("account_authorised", organization=tenant[0], account=tenant[1], link=link.link_id)
    return Authorised(link.account_id, open_id)


async def _exchange(deps: Deps, link: LinkState, client_key: str, code: str) -> Granted:
    app = await deps.directory.app(client_key)
    if app is None or app.organization_id != link.organization_id:
        raise LinkNotValid
    try:
        answer = await deps.oauth.exchange(client_key, app.secrets[0].decode(), code)
    except NotSent as away:
        await _reopen(deps, link)
        raise NeighbourAway("Douyin cannot be reached", neighbour="douyin") from away
    except MaybeSent as away:
        await _reopen(deps, link)
        raise PlatformBusy("Douyin gave no answer", reason=away.reason) from away
    end = conclude(Group.AUTHORISE, answer.status, answer.body)
    new = granted(end.fields)
    if new is None or not new.open_id:
        log.warning("code_refused", account=link.account_id, reason=end.reason, code=end.code)
        facts = {"reason": end.reason or "no_tokens"}
        platform = {"code": end.code, "log_id": end.log_id}
        if end.remedy is Remedy.RETRY:  # a code that was used up after all is refused then
            await _reopen(deps, link)
            raise PlatformBusy("Douyin asks to come back later", **facts, platform=platform)
        raise CodeRefused(**facts, platform=platform)
    return new


async def _reopen(deps: Deps, link: LinkState) -> None:
    """The owner need only load the page again."""
    async with deps.database.transaction(link.organization_id) as tx:
        await store.reopen_link(tx, link.organization_id, link.account_id, link.link_id)
