"""After PostgreSQL has counted, next to nothing is queued, sending or in doubt: looks still go by key.

Once they did not: a claim walked through every attempt that had been queued since the last vacuum, for
each conversation of its batch, and replies came fifteen seconds late.
"""

import pytest
import sqlalchemy as sa

from services.douyin.store import attempts, claims, echoes, sweeps
from tests.service.douyin.conftest import Connector
from tests.support.plans import looks

_MANY = """
INSERT INTO douyin.attempt (organization_id, account_id, operation_id, item, reservation_id,
  conversation_id, open_id, scene, reply_to, content, content_hash, window_opened_at, expires_at,
  cause, trace, state, msg_id)
SELECT 'org_1', 'acc_1', 'op_' || n, 0, 'rsv_' || n, '@c' || n % 500, 'fan', 'im_reply_msg', '@m' || n,
  'sealed', md5(n::text), now(), now(), 'evt_' || n, '', 'sent', '@out' || n
FROM generate_series(1, 5000) n
"""
_BY_KEY = {
    f"{room.__name__.rpartition('.')[2]}.{name.strip('_').lower()}": statement
    for room, names in (
        (claims, ("_BUSY", "_FREE", "_CLAIM", "_FIND", "_LOSE")),
        (attempts, ("_SETTLE", "_DROP_REST")),
        (echoes, ("_KNOWN", "_REPEATED", "_GIVE_BACK", "_UNLEARN", "_BY_CONTENT", "_BY_DOUBT")),
        (sweeps, ("_OPERATIONS",)),
    )
    for name in names
    if isinstance(statement := getattr(room, name), sa.TextClause)
}


@pytest.mark.parametrize("name", sorted(_BY_KEY))
async def test_attempts_are_found_by_key_whatever_was_counted(quiet: Connector, name: str) -> None:
    await quiet.world.sql(_MANY)
    await quiet.world.sql("ANALYZE douyin.attempt")
    found = await looks(quiet.world.resources.database("douyin"), _BY_KEY[name])
    conditions = [look.condition for look in found if look.table == "attempt"]
    assert conditions, "the plan looks at attempts"
    for condition in conditions:
        assert condition.startswith(("((organization_id", "(ctid")), found


async def test_an_echo_at_the_door_is_not_held_against_all_that_said_the_same(
    quiet: Connector,
) -> None:
    await quiet.world.sql(_MANY)
    await quiet.world.sql("ANALYZE douyin.attempt")
    found = await looks(quiet.world.resources.database("douyin"), _BY_KEY["echoes.repeated"])
    ways = {look.by for look in found if look.table == "attempt"}
    assert ways == {"uq_attempt_msg_id", "one_unresolved_content", "ix_attempt_freed"}
