"""Events in: whether owners let their accounts send, and what endpoints of organizations are told."""

from collections.abc import Callable
from functools import partial

from services.open_platform.actions import authorisations, webhook_deliveries
from services.open_platform.actions.deps import Deps
from services.open_platform.domain.catalogue import CATALOGUE
from shared.contracts.envelope import Envelope
from shared.queue import Handler


def handlers(deps: Deps, wake: Callable[[], None]) -> dict[str, Handler]:
    """Event type → handler of a batch; `wake` is called when something is to be sent."""

    async def tell(envelopes: list[Envelope]) -> None:
        await webhook_deliveries.hear(deps, envelopes)
        wake()

    async def authorisation(envelopes: list[Envelope]) -> None:
        await authorisations.hear(deps, envelopes)
        wake()

    return {
        **dict.fromkeys(CATALOGUE, tell),
        "douyin.account_authorised": partial(authorisations.hear, deps),
        "douyin.account_revoked": partial(authorisations.hear, deps),
        "douyin.authorisation_needed": authorisation,
    }
