"""What all endpoints of the open platform have in common: the caller, the tools, times."""

from typing import Annotated

from fastapi import Depends, Request

from services.open_platform.actions.deps import Deps
from shared.http.pages import Cursors
from shared.http.principal import Principal, caller_with
from shared.sealing import Sealer


def _deps(request: Request) -> Deps:
    deps: Deps = request.app.state.deps
    return deps


def _cursors(request: Request) -> Cursors:
    cursors: Cursors = request.app.state.cursors
    return cursors


def _sealer(request: Request) -> Sealer:
    sealer: Sealer = request.app.state.sealer
    return sealer


Manager = Annotated[Principal, caller_with("account:manage")]
WebhookManager = Annotated[Principal, caller_with("webhook:manage")]
PlatformDeps = Annotated[Deps, Depends(_deps)]
AppSealer = Annotated[Sealer, Depends(_sealer)]
PlatformCursors = Annotated[Cursors, Depends(_cursors)]
