"""Parameters that the endpoints share: who calls, with what."""

from typing import Annotated

from fastapi import Depends, Request

from services.fans.actions import Deps
from shared.http.pages import Cursors
from shared.http.principal import Principal, caller_with


def _deps(request: Request) -> Deps:
    deps: Deps = request.app.state.deps
    return deps


def _cursors(request: Request) -> Cursors:
    cursors: Cursors = request.app.state.cursors
    return cursors


Reader = Annotated[Principal, caller_with("fans:read")]
Manager = Annotated[Principal, caller_with("account:manage")]
LeadKeeper = Annotated[Principal, caller_with("lead:manage")]
ContactReader = Annotated[Principal, caller_with("lead:pii")]
FanDeps = Annotated[Deps, Depends(_deps)]
FanCursors = Annotated[Cursors, Depends(_cursors)]
