"""For every code of the error table, what is done when a send is answered with it: over the wire."""

from typing import Any

from aiohttp import web

from services.douyin.domain.codes import Group, Meaning, Remedy, listed
from tests.service.douyin.conftest import Connector
from tests.service.douyin.platform import ScriptedPlatform, accept, reply

OLD = "act.old"
TABLE = listed(Group.SEND)


def of(remedy: Remedy, *, in_doubt: bool = False) -> dict[int, Meaning]:
    return {c: m for c, m in TABLE.items() if m.remedy is remedy and m.in_doubt is in_doubt}


def envelope(code: int) -> dict[str, Any]:
    """A refusal in one of the platform's envelopes: which one says nothing."""
    forms = (
        {"err_no": code, "err_msg": "x", "log_id": "log-1"},
        {"data": {"error_code": code}, "extra": {"error_code": code, "logid": "log-1"}},
        {"data": {"error_code": str(code)}, "extra": {"error_code": str(code), "log_id": "log-1"}},
        {"data": {}, "error_code": code, "message": "x", "log_id": "log-1"},
    )
    return forms[code % len(forms)]


async def refuse_once_as_asked(
    platform: ScriptedPlatform, body: dict[str, Any]
) -> web.Response | None:
    """The text names the code of its refusal; a second try, or another token, is accepted."""
    text = body["content"]["text"]["text"]
    again = sum(call.text == text for call in platform.calls) > 1
    if again or platform.calls[-1].token != OLD:
        return await accept(platform, body)
    return await reply(envelope(int(text)))(platform, body)


async def outcomes(connector: Connector, codes: dict[int, Meaning]) -> dict[int, tuple[str, int]]:
    """code → (reason, else state; how often it was sent), a conversation each."""
    await connector.bind(access_token=OLD, refresh_token="rft.1")
    connector.platform.always = refuse_once_as_asked
    requests = [
        await connector.a_request(f"op_{code}", str(code), conversation_id=f"@c{code}==")
        for code in codes
    ]
    await connector.world.deliver("douyin", *requests)

    async def settled() -> bool:
        return not {"queued", "sending"} & set(await connector.states())

    await connector.until(settled, 20)
    found = {}
    for attempt in await connector.attempts():
        code = int(attempt["operation_id"].removeprefix("op_"))
        sent = sum(call.text == str(code) for call in connector.platform.calls)
        word = attempt["state"] if attempt["state"] != "failed" else attempt["reason"]
        found[code] = (word, sent)
    return found


async def test_what_never_works_fails_at_once_with_its_reason(connector: Connector) -> None:
    codes = of(Remedy.PERMANENT)
    assert len(codes) > 30
    found = await outcomes(connector, codes)
    assert found == {code: (meaning.reason, 1) for code, meaning in codes.items()}
    assert (await connector.binding())["state"] == "active"


async def test_what_the_platform_may_have_done_is_in_doubt_and_not_tried_again(
    connector: Connector,
) -> None:
    codes = of(Remedy.RETRY, in_doubt=True)
    assert {2100004, 28001005, 28001006} <= set(codes)
    assert await outcomes(connector, codes) == dict.fromkeys(codes, ("unknown", 1))


async def test_what_may_work_later_is_tried_again(connector: Connector) -> None:
    codes = of(Remedy.RETRY)
    assert 28003018 in codes
    assert await outcomes(connector, codes) == dict.fromkeys(codes, ("sent", 2))


async def test_what_a_new_token_helps_is_sent_with_one(connector: Connector) -> None:
    codes = of(Remedy.REFRESH)
    assert {28001003, 28001008, 2190002, 2190008} <= set(codes)
    found = await outcomes(connector, codes)
    assert {word for word, _ in found.values()} == {"sent"}
    assert {call.token for call in connector.platform.accepted} == {"act.new1"}
    assert len(connector.platform.refreshes) == 1


async def test_what_only_the_owner_helps_stops_the_account(connector: Connector) -> None:
    codes = of(Remedy.RE_AUTHORISE)
    assert set(codes) == {28001012, 2190003}
    found = await outcomes(connector, codes)
    assert {word for word, _ in found.values()} == {"not_authorised"}
    assert (await connector.binding())["state"] == "revoked"


async def test_what_is_used_up_for_the_day_closes_it(connector: Connector) -> None:
    codes = of(Remedy.WAIT_FOR_QUOTA)
    assert set(codes) == {28003017, 2190001}
    found = await outcomes(connector, codes)
    assert {word for word, _ in found.values()} == {"daily_quota_used"}
    await connector.request("op_1", "later", conversation_id="@c1==")
    calls = len(connector.platform.calls)

    async def failed() -> bool:
        return (await connector.states())[-1] == "failed"

    await connector.until(failed)
    assert len(connector.platform.calls) == calls


async def test_a_code_that_is_in_no_table_is_in_doubt(connector: Connector) -> None:
    unlisted = Meaning(Remedy.UNKNOWN, "unlisted_code")
    assert await outcomes(connector, {4711: unlisted}) == {4711: ("unknown", 1)}
