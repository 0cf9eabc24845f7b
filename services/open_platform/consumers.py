"""Events in: whether owners let their accounts send."""

from functools import partial

from services.open_platform.actions.authorisations import hear
from services.open_platform.actions.deps import Deps
from shared.queue import Handler


def handlers(deps: Deps) -> dict[str, Handler]:
    """Event type → handler of a batch."""
    return {
        "douyin.account_authorised": partial(hear, deps),
        "douyin.account_revoked": partial(hear, deps),
        "douyin.authorisation_needed": partial(hear, deps),
    }
