"""Parameters that the endpoints share: who calls, with what, about which id."""

from typing import Annotated

from fastapi import Depends, Request

from services.direct_messages.actions import Caller, Deps
from shared.http.pages import Cursors
from shared.http.principal import Principal, caller_with

Reader = Annotated[Principal, caller_with("dm:read")]
Sender = Annotated[Principal, caller_with("dm:send")]
Keeper = Annotated[Principal, caller_with("dm:manage")]


def _deps(request: Request) -> Deps:
    deps: Deps = request.app.state.direct_messages
    return deps


def _cursors(request: Request) -> Cursors:
    cursors: Cursors = request.app.state.cursors
    return cursors


MessageDeps = Annotated[Deps, Depends(_deps)]
MessageCursors = Annotated[Cursors, Depends(_cursors)]


def caller_of(principal: Principal) -> Caller:
    """Who acts for an agent."""
    manages = "dm:manage" in principal.scopes
    return Caller(principal.organization_id, principal.key_id, manages)
