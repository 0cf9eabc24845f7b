"""For every code of the error table, what is done when a send is answered with it: over the wire."""

from services.douyin.domain.codes import Group, Meaning, Remedy, listed
from tests.service.douyin.wired import End, Wired, wired

__all__ = ["wired"]  # the fixture

SEND = "/im/send/msg/"
TABLE = listed(Group.SEND)


def of(remedy: Remedy, *, in_doubt: bool = False) -> dict[int, Meaning]:
    return {c: m for c, m in TABLE.items() if m.remedy is remedy and m.in_doubt is in_doubt}


async def outcomes(wired: Wired, codes: dict[int, Meaning]) -> dict[int, End]:
    """code → (state, reason) of a message that was refused with it once, a conversation each."""
    for code in codes:
        await wired.refuses(SEND, code, match={"conversation_id": f"@c{code}=="})
    async with wired.ringing():
        await wired.answers(*map(str, codes))
    assert await wired.struck() == len(codes), "each was refused once"
    return {int(code): end for code, end in (await wired.outcomes()).items()}


async def test_what_never_works_fails_at_once_with_its_reason(wired: Wired) -> None:
    codes = of(Remedy.PERMANENT)
    assert len(codes) > 30
    found = await outcomes(wired, codes)
    assert found == {code: ("failed", meaning.reason) for code, meaning in codes.items()}
    assert await wired.sent() == []
    assert (await wired.connector.binding())["state"] == "active"


async def test_what_the_platform_may_have_done_is_in_doubt_and_not_tried_again(
    wired: Wired,
) -> None:
    codes = of(Remedy.RETRY, in_doubt=True)
    assert {2100004, 28001005, 28001006} <= set(codes)
    found = await outcomes(wired, codes)
    assert found == {code: ("unknown", meaning.reason) for code, meaning in codes.items()}
    assert await wired.sent() == []


async def test_what_may_work_later_is_tried_again(wired: Wired) -> None:
    codes = of(Remedy.RETRY)
    assert 28003018 in codes
    found = await outcomes(wired, codes)
    assert {state for state, _ in found.values()} == {"sent"}
    assert sorted(await wired.sent()) == sorted(map(str, codes))


async def test_what_a_new_token_helps_is_sent_with_one(wired: Wired) -> None:
    codes = of(Remedy.REFRESH)
    assert {28001003, 28001008, 2190002, 2190008} <= set(codes)
    found = await outcomes(wired, codes)
    assert {state for state, _ in found.values()} == {"sent"}
    assert sorted(await wired.sent()) == sorted(map(str, codes))
    versions = await wired.world.sql("SELECT token_version, refused_version FROM douyin.binding")
    assert [tuple(row) for row in versions] == [(2, None)], "one refresh for all of them"


async def test_what_only_the_owner_helps_stops_the_account(wired: Wired) -> None:
    codes = of(Remedy.RE_AUTHORISE)
    assert set(codes) == {28001012, 2190003}
    found = await outcomes(wired, codes)
    assert set(found.values()) == {("failed", "not_authorised")}
    assert (await wired.connector.binding())["state"] == "revoked"


async def test_what_is_used_up_for_the_day_closes_it(wired: Wired) -> None:
    codes = of(Remedy.WAIT_FOR_QUOTA)
    assert set(codes) == {28003017, 2190001}
    found = await outcomes(wired, codes)
    assert set(found.values()) == {("failed", "daily_quota_used")}
    await wired.answers("later")
    assert (await wired.outcomes())["later"] == ("failed", "daily_quota_used")
    assert await wired.sent() == [], "the platform was not asked"


async def test_a_code_that_is_in_no_table_is_in_doubt(wired: Wired) -> None:
    unlisted = Meaning(Remedy.UNKNOWN, "unlisted_code")
    assert await outcomes(wired, {4711: unlisted}) == {4711: ("unknown", "unlisted_code")}
    assert await wired.sent() == []
