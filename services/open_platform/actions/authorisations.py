"""Which owners must be asked to authorise again, over all accounts of an organization."""

from collections.abc import Sequence

from services.open_platform.actions.deps import Deps
from services.open_platform.actions.webhook_deliveries import spread
from services.open_platform.domain.authorisations import Authorisation
from services.open_platform.domain.catalogue import CATALOGUE
from services.open_platform.store import authorisations
from shared import inbox
from shared.contracts.envelope import Envelope
from shared.contracts.events.douyin import AccountAuthorised, AccountRevoked, AuthorisationNeeded
from shared.db import ALL_TENANTS


async def hear(deps: Deps, envelopes: Sequence[Envelope]) -> None:
    """Keep the newest fact of each account; endpoints are told of owners who are needed."""
    async with deps.database.transaction(ALL_TENANTS) as tx:
        fresh = await inbox.take(tx, envelopes)
        for envelope in envelopes:
            await authorisations.keep(tx, _read(envelope), envelope.subject_seq)
        await spread(tx, [e for e in envelopes if e.id in fresh and e.type in CATALOGUE])


def _read(envelope: Envelope) -> Authorisation:
    tenant = (envelope.organization_id, envelope.account_id)
    if envelope.type == AccountAuthorised.type:
        until = AccountAuthorised.model_validate(envelope.data).usable_until
        return Authorisation(*tenant, "authorised", None, until, envelope.occurred_at)
    if envelope.type == AccountRevoked.type:
        revoked = AccountRevoked.model_validate(envelope.data)
        at = revoked.revoked_at
        return Authorisation(*tenant, "needed", revoked.reason, at, envelope.occurred_at)
    needed = AuthorisationNeeded.model_validate(envelope.data)
    until = needed.usable_until
    return Authorisation(*tenant, "needed", needed.reason, until, envelope.occurred_at)


async def list_authorisations(
    deps: Deps, organization_id: str, state: str | None, after: str, most: int
) -> list[Authorisation]:
    """Authorisations behind the account `after`, all or those of one state."""
    async with deps.database.transaction(organization_id) as tx:
        return await authorisations.list_authorisations(tx, organization_id, state, after, most)
