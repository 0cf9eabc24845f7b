"""A claim that was given back is over, however often its end is written down."""

import sqlalchemy as sa

from services.douyin import store
from services.douyin.actions.claiming import LEASE, Claim
from services.douyin.actions.outcomes import untried
from services.douyin.actions.settling import settle
from shared.db import ALL_TENANTS
from tests.service.douyin.conftest import ACCOUNT, ORGANIZATION, Connector

_GIVE_BACK = sa.text("UPDATE attempt SET state = 'queued', lease_until = NULL, tries = 0")


async def test_a_give_back_that_is_written_twice_leaves_the_next_claim_alone(
    quiet: Connector,
) -> None:
    await quiet.request("op_1", "hi")
    database = quiet.world.resources.database("douyin")
    here = [store.Conversation(ORGANIZATION, ACCOUNT, "@conv001==")]
    async with database.transaction(ALL_TENANTS) as tx:
        await tx.change(_GIVE_BACK)
        (first,) = await store.claim_next(tx, here, LEASE, 1, 1)
    # the commit's answer is lost: this process will write the same again
    await settle(database, [untried(first, 0.0, None)], Claim(0))
    async with database.transaction(ALL_TENANTS) as tx:
        (other,) = await store.claim_next(tx, here, LEASE, 2, 1)
    assert (first.tries, other.tries) == (1, 1)
    await settle(database, [untried(first, 0.0, None)], Claim(0))
    assert await quiet.states() == ["sending"], "it is the other process's to send"
