"""Authorisations that end: withdrawn, refused, not renewable. The owner is asked once, and sending stops."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.http.client import OneTry
from shared.observability import metrics
from shared.times import written
from tests.service.douyin.conftest import ACCOUNT, KEY, OPEN_ID, ORGANIZATION, Connector
from tests.service.douyin.platform import reply
from tests.service.douyin.test_tokens import a_keeper


async def report(quiet: Connector, event: str, **content: Any) -> None:
    """The platform reports something of the owner, and we act upon it."""
    outer = {"event": event, "client_key": KEY, "from_user_id": OPEN_ID, "to_user_id": ""}
    body = {**outer, "log_id": f"log-{event}-{len(await quiet.events())}", "content": content}
    assert (await quiet.post(body)).status_code == 200
    await quiet.world.drain()


async def told(quiet: Connector, *kinds: str) -> list[dict[str, Any]]:
    """Facts about the account, oldest first."""
    wanted = {f"douyin.{kind}" for kind in kinds}
    return [e for e in await quiet.events() if e["type"] in wanted]


async def needs(quiet: Connector) -> list[tuple[str, str]]:
    """(reason, until) of every time the owner was asked for; times as the API shows them."""
    asked = [e["data"] for e in await told(quiet, "authorisation_needed")]
    return [(a["reason"], written(datetime.fromisoformat(a["usable_until"]))) for a in asked]


@pytest.mark.parametrize(
    ("event", "reason", "keeps"),
    [("unauthorize", "withdrawn", False), ("contract_unauthorize", "contract_withdrawn", True)],
)
async def test_an_owner_who_withdraws_stops_the_account_and_what_waits(
    quiet: Connector, event: str, reason: str, keeps: bool
) -> None:
    await quiet.request("op_1", "one", "two")
    await report(quiet, event, scopes=["user_info", "im.direct_message.bind"])
    await quiet.request("op_2", "three")
    shown = await quiet.binding()
    assert (shown["state"], shown["revoked_reason"]) == ("revoked", reason)
    (revoked,) = await told(quiet, "account_revoked")
    assert (revoked["data"]["reason"], revoked["subject"]) == (reason, ACCOUNT)
    assert [r for r, _ in await needs(quiet)] == [reason]
    attempts = await quiet.attempts()
    waiting = [a for a in attempts if a["state"] == "failed"]
    assert {a["reason"] for a in waiting} == {"not_authorised"}
    assert {a["operation_id"] for a in waiting} == {"op_1"}
    settled = [s for s in await quiet.settled() if s[2] == "failed"]
    assert len(settled) == len(waiting) > 0, "holds are given back by these"
    (row,) = await quiet.world.sql("SELECT access_token IS NOT NULL FROM douyin.binding")
    assert row[0] is keeps


async def test_a_revoked_account_sends_nothing(connector: Connector) -> None:
    await report(connector, "unauthorize")
    await connector.request("op_1", "hi")
    await connector.until_states("failed")
    assert (await connector.attempts())[0]["reason"] == "not_authorised"
    assert connector.platform.calls == []


async def test_a_contract_that_is_given_again_lets_the_account_go_on(connector: Connector) -> None:
    await report(connector, "contract_unauthorize")
    await report(connector, "contract_authorize", scopes=["im.direct_message.bind"])
    shown = await connector.binding()
    assert (shown["state"], shown["revoked_reason"]) == ("active", None)
    assert shown["authorisation_needed"] is None
    assert "im.direct_message.bind" in shown["scopes"]
    await connector.request("op_1", "hi")
    await connector.until_states("sent")
    facts = await told(connector, "account_authorised", "account_revoked", "authorisation_needed")
    assert [e["type"].removeprefix("douyin.") for e in facts] == [
        "account_revoked",
        "authorisation_needed",
        "account_authorised",
    ]
    assert [e["subject_seq"] for e in facts] == sorted({e["subject_seq"] for e in facts})


async def test_an_authorisation_alone_does_not_undo_a_withdrawal(quiet: Connector) -> None:
    await report(quiet, "unauthorize")
    await report(quiet, "authorize", scopes=["fans.list"])
    await report(quiet, "contract_authorize")
    assert (await quiet.binding())["state"] == "revoked"


async def test_a_withdrawal_of_everything_after_one_of_messages_cannot_be_undone(
    quiet: Connector,
) -> None:
    await report(quiet, "contract_unauthorize")
    await report(quiet, "unauthorize")
    await report(quiet, "contract_authorize")
    shown = await quiet.binding()
    assert (shown["state"], shown["revoked_reason"]) == ("revoked", "withdrawn")
    assert len(await told(quiet, "account_revoked")) == len(await needs(quiet)) == 1


async def test_a_withdrawal_that_is_told_twice_is_one(quiet: Connector) -> None:
    for _ in range(3):
        await report(quiet, "unauthorize")
    assert len(await told(quiet, "account_revoked")) == len(await needs(quiet)) == 1


async def test_how_many_owners_are_needed_is_measured(quiet: Connector) -> None:
    async def measured() -> float:
        for measure in quiet.world.parts[0].worker.measures:
            await measure()
        return float(
            metrics.authorisations_needed._value.get()
        )  # the library shows it nowhere else

    assert await measured() == 0
    await report(quiet, "unauthorize")
    assert await measured() == 1
    await quiet.bind()
    assert await measured() == 0


async def test_after_a_new_authorisation_the_next_lapse_is_told_again(quiet: Connector) -> None:
    for _ in range(2):
        await report(quiet, "unauthorize")
        assert (await quiet.bind()).status_code == 200
    assert len(await needs(quiet)) == 2
    assert (await quiet.binding())["state"] == "active"


async def test_a_call_that_the_owner_has_not_authorised_is_a_withdrawal(
    connector: Connector,
) -> None:
    connector.platform.always = reply({"err_no": 28001012})
    await connector.request("op_1", "hi")
    await connector.until_states("failed")

    async def revoked() -> bool:
        return bool((await connector.binding())["state"] == "revoked")

    await connector.until(revoked)
    assert [r for r, _ in await needs(connector)] == ["refused_by_platform"]


async def test_tokens_without_a_refresh_token_are_told_three_days_before_they_end(
    quiet: Connector,
) -> None:
    ends = (await quiet.world.now()) + timedelta(days=10)
    await quiet.bind(access_token_expires_at=ends.isoformat())
    async with OneTry() as http:
        keeper = a_keeper(quiet, http)
        for _ in range(12):
            await keeper.refresh_due()
            asked = await needs(quiet)
            left = ends - await quiet.world.now()
            assert bool(asked) == (left <= timedelta(days=3))
            await quiet.world.advance(timedelta(days=1))
    ((reason, until),) = await needs(quiet)
    assert (reason, until[:19]) == ("no_refresh_token", ends.isoformat()[:19])
    assert (await quiet.binding())["state"] == "expired"


async def test_a_refused_token_that_nothing_can_replace_is_told_at_once(
    connector: Connector,
) -> None:
    connector.platform.good_tokens = set()
    await connector.request("op_1", "hi")
    await connector.until_states("failed")

    async def asked() -> bool:
        return [r for r, _ in await needs(connector)] == ["token_refused"]

    await connector.until(asked)
    assert (await connector.binding())["state"] == "expired"


async def test_a_refresh_token_near_its_end_is_renewed_after_a_refresh(quiet: Connector) -> None:
    await quiet.bind(refresh_token="rft.1", **await ends_in(quiet, access=10, refresh=2))
    async with OneTry() as http:
        assert await a_keeper(quiet, http).refresh_due() == 1
        assert await a_keeper(quiet, http).refresh_due() == 0
    (refresh,) = quiet.platform.refreshes
    (renewal,) = quiet.platform.renewals
    assert refresh["refresh_token"] == "rft.1"
    assert renewal == {"client_key": KEY, "refresh_token": "rft.same"}
    left = await days_left(quiet)
    assert (round(left["access"]), round(left["refresh"])) == (15, 30)
    assert await needs(quiet) == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"data": {"error_code": 10020}, "message": "error"}, "renewals_used_up"),
        ({"data": {"error_code": 10010}, "message": "error"}, "refresh_token_expired"),
        ({"data": {"error_code": 10004}, "message": "error"}, "renewal_refused"),
    ],
)
async def test_a_renewal_that_is_refused_is_told_with_the_last_day(
    quiet: Connector, answer: dict[str, Any], reason: str
) -> None:
    quiet.platform.renew_answer = answer
    quiet.platform.refresh_answer = granted_for(refresh_days=2)
    await quiet.bind(refresh_token="rft.1", **await ends_in(quiet, access=10, refresh=2))
    async with OneTry() as http:
        for _ in range(3):
            await a_keeper(quiet, http).refresh_due()
    ((told_reason, until),) = await needs(quiet)
    assert (told_reason, until) == (reason, (await quiet.binding())["access_token_expires_at"])
    assert len(quiet.platform.renewals) == 1, "it is not pressed upon"


async def test_the_policy_says_how_often_a_refresh_token_is_renewed(quiet: Connector) -> None:
    await quiet.learn("acc_3", policy={"oauth.renew_max": 0})
    ends = await ends_in(quiet, access=10, refresh=2)
    quiet.platform.refresh_answer = granted_for(refresh_days=2)
    await quiet.bind(account="acc_3", open_id="other", refresh_token="rft.1", **ends)
    async with OneTry() as http:
        await a_keeper(quiet, http).refresh_due()
    assert quiet.platform.renewals == []
    assert [r for r, _ in await needs(quiet)] == ["renewals_used_up"]


async def test_a_platform_that_cannot_answer_is_left_alone_for_longer_and_longer(
    quiet: Connector,
) -> None:
    quiet.platform.refresh_answer = {"data": {"error_code": 10001}, "message": "error"}
    await quiet.bind(refresh_token="rft.1", **await ends_in(quiet, access=0.5, refresh=20))
    pauses = []
    async with OneTry() as http:
        for _ in range(4):
            assert await a_keeper(quiet, http).refresh_due() == 1
            assert await a_keeper(quiet, http).refresh_due() == 0
            (row,) = await quiet.world.sql(
                "SELECT extract(epoch FROM refreshing_until - now()) FROM douyin.binding"
            )
            pauses.append(round(float(row[0]), -1))
            await quiet.world.sql("UPDATE douyin.binding SET refreshing_until = now()")
    assert pauses == [20, 40, 80, 160]
    assert (await quiet.binding())["state"] == "active"


async def test_a_refresh_that_is_refused_for_good_is_told_once_while_the_account_still_sends(
    quiet: Connector,
) -> None:
    quiet.platform.refresh_answer = {"data": {"error_code": 10003}, "message": "error"}
    await quiet.bind(refresh_token="rft.1", **await ends_in(quiet, access=0.5, refresh=20))
    ends = (await quiet.binding())["access_token_expires_at"]
    async with OneTry() as http:
        for _ in range(3):
            assert await a_keeper(quiet, http).refresh_due() == 1, "the console may mend it"
            await quiet.world.sql("UPDATE douyin.binding SET refreshing_until = now()")
        assert await needs(quiet) == [("refresh_refused", ends)]
        assert (await quiet.binding())["state"] == "active"
        quiet.platform.refresh_answer = None
        await quiet.world.sql("DELETE FROM douyin.outbox")
        await a_keeper(quiet, http).refresh_due()
    assert [e["type"] for e in await quiet.events()] == ["douyin.account_authorised"]
    assert await quiet.world.sql("SELECT 1 FROM douyin.binding WHERE needed_reason > ''") == []


def granted_for(refresh_days: float) -> dict[str, Any]:
    """An answer to a refresh whose refresh token ends so soon."""
    data = {"error_code": 0, "access_token": "act.new", "expires_in": 1296000}
    more = {"refresh_token": "rft.same", "refresh_expires_in": int(refresh_days * 86400)}
    return {"data": data | more, "message": "success"}


async def ends_in(quiet: Connector, access: float, refresh: float) -> dict[str, str]:
    now = await quiet.world.now()
    return {
        "access_token_expires_at": (now + timedelta(days=access)).isoformat(),
        "refresh_token_expires_at": (now + timedelta(days=refresh)).isoformat(),
    }


async def days_left(quiet: Connector) -> dict[str, float]:
    (row,) = await quiet.world.sql(
        "SELECT access_token_expires_at - siyu.business_now() AS access,"
        " refresh_token_expires_at - siyu.business_now() AS refresh FROM douyin.binding"
    )
    return {name: row[name] / timedelta(days=1) for name in ("access", "refresh")}


async def test_another_organization_cannot_ask_for_an_owner(quiet: Connector) -> None:
    path = f"/v1/accounts/{ACCOUNT}/douyin-authorisation-links"
    reader = quiet.world.caller(ORGANIZATION, frozenset({"dm:read"}))
    body = {"client_key": KEY}
    assert (await quiet.world.http.post(path, json=body, headers=reader)).status_code == 403
    assert (await quiet.world.http.post(path, json=body)).status_code == 401
