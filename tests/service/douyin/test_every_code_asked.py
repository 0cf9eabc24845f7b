"""For every code of the error table, what is done when a question or a call for a token is refused with it.

The table is taken from the code: one that is put into it is tried here, and must lead to its action. What
is done when a message is refused is in `test_every_code.py`.
"""

from datetime import timedelta
from typing import Any

import httpx2
import pytest

from services.douyin.actions.business import BusinessKeeper
from services.douyin.domain.codes import UNLISTED, Group, Meaning, Remedy, listed
from tests.service.douyin.conftest import KEY, OPEN_ID, ORGANIZATION
from tests.service.douyin.wired import QUESTIONS, End, Question, Wired, wired

__all__ = ["wired"]  # the fixture

UNLISTED_CODE = 4711
OF_FANS = ("does the fan follow", "who follows", "what fans are like")
OF_QUESTION = dict.fromkeys(QUESTIONS, Group.ASK) | dict.fromkeys(OF_FANS, Group.FANS)
# the groups' codes are all tried here; elsewhere one of each remedy shows that it is heeded
WHOLE = {"list cards", "does the fan follow"}
REFUSALS = {
    Remedy.RETRY: "douyin.busy",
    Remedy.REFRESH: "douyin.busy",
    Remedy.UNKNOWN: "douyin.busy",
    Remedy.PERMANENT: "douyin.refused",
    Remedy.RE_AUTHORISE: "douyin.not_authorised",
    Remedy.WAIT_FOR_QUOTA: "douyin.daily_calls_used",
}
FINAL = {Remedy.PERMANENT, Remedy.RE_AUTHORISE, Remedy.WAIT_FOR_QUOTA}
TOKEN_GROUPS = {Group.AUTHORISE, Group.RENEW, Group.CLIENT_TOKEN}


def table(group: Group) -> dict[int, Meaning]:
    """Every code of the group and one that is in no table; the one that makes us pause comes last."""
    codes = {**listed(group), UNLISTED_CODE: UNLISTED}
    return dict(sorted(codes.items(), key=lambda one: one[1].reason == "throttled"))


def some(codes: dict[int, Meaning]) -> dict[int, Meaning]:
    """One of each remedy, the one that makes us pause left out; and each way of asking the owner."""
    seen: set[Remedy] = set()
    found = {}
    for code, meaning in codes.items():
        if meaning.reason != "throttled" and (
            meaning.remedy not in seen or meaning.remedy is Remedy.RE_AUTHORISE
        ):
            found[code] = meaning
            seen.add(meaning.remedy)
    assert seen == {meaning.remedy for meaning in codes.values()}
    return found


def test_every_group_of_the_table_has_its_scenarios() -> None:
    assert set(OF_QUESTION.values()) | TOKEN_GROUPS | {Group.SEND} == set(Group)
    assert {OF_QUESTION[name] for name in WHOLE} == {Group.ASK, Group.FANS}
    assert set(REFUSALS) == set(Remedy)


def expected(name: str, meaning: Meaning) -> End:
    """How a question ends that is refused so."""
    is_final = meaning.remedy in FINAL
    match name:
        case "take a message back":
            return "refused" if is_final else "asked", meaning.reason
        case "read the log":
            return "put off" if is_final else "later", None
        case "are webhooks on" | "switch webhooks on":
            return "seen", meaning.reason
        case "save a card" if meaning.in_doubt:
            return "outcome_unknown", meaning.reason
    return REFUSALS[meaning.remedy], meaning.reason


async def refused(wired: Wired, question: Question, code: int) -> End:
    """Ask, and be refused with that code."""
    await question.prepare(wired)
    await wired.refuses(question.path, code)
    return await question.ask(wired)


async def works(wired: Wired, question: Question) -> bool:
    """Ask, and be answered."""
    await question.prepare(wired)
    return await question.ask(wired) == ("done", None)


@pytest.mark.parametrize("name", QUESTIONS)
async def test_a_question_that_is_refused_leads_to_the_action_of_its_code(
    wired: Wired, name: str
) -> None:
    question = QUESTIONS[name]
    codes = table(OF_QUESTION[name])
    for code, meaning in (codes if name in WHOLE else some(codes)).items():
        before = await wired.struck()
        assert await refused(wired, question, code) == expected(name, meaning), code
        assert await wired.struck() == before + 1, "it is asked once"
        match meaning.remedy:
            case Remedy.REFRESH:
                await _a_new_token_helps(wired, question)
            case Remedy.WAIT_FOR_QUOTA:
                await _the_next_day_helps(wired, name)
            case Remedy.RETRY | Remedy.UNKNOWN if meaning.reason != "throttled":
                assert await works(wired, question), code


async def _a_new_token_helps(wired: Wired, question: Question) -> None:
    """The account's is refreshed; the app's is fetched by whoever needs it next."""
    was = await _tokens(wired)
    await wired.connector.asking.tokens.refresh_due()
    assert await works(wired, question)
    assert await _tokens(wired) != was


async def _tokens(wired: Wired) -> Any:
    rows = "SELECT access_token, client_token FROM douyin.binding, douyin.app"
    return await wired.world.sql(rows)


async def _the_next_day_helps(wired: Wired, name: str) -> None:
    """Until then the platform is not asked for anything that it counts as the same."""
    question = QUESTIONS[name]
    assert (await _limits(wired))[question.calls], "the day is over, and shown so"
    if name != "switch webhooks on":  # which is not asked before another question of the kind
        before = await wired.struck()
        assert (await refused(wired, question, UNLISTED_CODE))[1] in {"daily_quota_used", None}
        assert await wired.struck() == before, "it is not asked again that day"
        await wired.simulator.call("/_simulator/failures", method="DELETE")
    await wired.world.advance(timedelta(days=1))
    assert await works(wired, question)


async def _limits(wired: Wired) -> dict[str, bool]:
    """Which days the platform has ended."""
    path = f"/v1/douyin-apps/{KEY}/limits"
    found = await wired.world.http.get(path, headers=wired.world.caller(ORGANIZATION))
    return {day["calls"]: day["closed_at"] is not None for day in found.json()["daily"]}


async def test_an_app_that_gets_no_token_is_told_why(wired: Wired) -> None:
    upload, path = QUESTIONS["upload an image"], "/oauth/client_token/"
    for code, meaning in table(Group.CLIENT_TOKEN).items():
        await wired.world.sql("UPDATE douyin.app SET client_token = NULL, refreshing_until = NULL")
        await wired.refuses(path, code)
        told = await upload.ask(wired)
        assert told == (REFUSALS[meaning.remedy], meaning.reason), code
        ((pause,),) = await wired.world.sql("SELECT refreshing_until > now() FROM douyin.app")
        # what is mended at the console works at once; all else is left alone for a while
        assert pause is (meaning.remedy is not Remedy.PERMANENT), code
    await wired.world.sql("UPDATE douyin.app SET refreshing_until = NULL")
    assert await works(wired, upload)


async def test_a_code_that_buys_nothing_asks_the_owner_again_or_later(wired: Wired) -> None:
    world, http = wired.world, wired.world.http
    for code, meaning in table(Group.AUTHORISE).items():
        asked = await wired.call("POST", "douyin-authorisation-links", {"client_key": KEY})
        query = {"state": httpx2.URL(asked.json()["url"]).params["state"]}
        query["code"] = "a-code"
        is_later = meaning.remedy is Remedy.RETRY
        if is_later:
            issued = await wired.simulator.call("/_simulator/codes", {"open_id": OPEN_ID})
            query["code"] = issued["code"]
        await wired.refuses("/oauth/access_token/", code)
        page = (await http.get("/douyin/authorisation", params=query)).json()
        refusal = "douyin.busy" if is_later else "douyin.code_refused"
        assert (page["code"], page["reason"]) == (refusal, meaning.reason), code
        again = await http.get("/douyin/authorisation", params=query)
        assert again.status_code == (200 if is_later else 400), "a link that is over is over"
    assert len(await world.sql("SELECT 1 FROM douyin.binding")) == 1


async def test_a_refresh_that_is_refused_asks_the_owner_or_is_tried_later(wired: Wired) -> None:
    sealed = await _sealed(wired)
    for code, meaning in table(Group.RENEW).items():
        await _again(wired, sealed, "refused_version = token_version")
        await wired.refuses("/oauth/refresh_token/", code)
        await wired.connector.asking.tokens.refresh_due()
        row = await _binding(wired)
        if meaning.remedy is Remedy.RE_AUTHORISE:
            assert (row["refresh_token"], row["needed"]) == (None, "refresh_token_expired"), code
        else:
            told = "refresh_refused" if meaning.remedy is Remedy.PERMANENT else None
            assert (row["refresh_token"] is None, row["needed"]) == (False, told), code
            assert row["is_paused"], code


async def test_a_renewal_that_is_refused_asks_the_owner_or_is_tried_later(wired: Wired) -> None:
    sealed = await _sealed(wired)
    for code, meaning in some(table(Group.RENEW)).items():
        soon = "refresh_token_expires_at = now() + interval '1 day'"
        await _again(wired, sealed, f"{soon}, access_token_expires_at = now()")
        await wired.refuses("/oauth/renew_refresh_token/", code)
        await wired.connector.asking.tokens.refresh_due()
        row = await _binding(wired)
        if meaning.remedy is Remedy.RE_AUTHORISE:
            assert row["needed"] in {meaning.reason, "renewal_refused"}, code
        elif meaning.remedy is Remedy.PERMANENT:
            assert row["needed"] == "renewal_refused", code
        else:
            assert (row["needed"], row["is_paused"]) == (None, True), code
        assert row["refresh_token"] is not None, "it still refreshes"


async def _sealed(wired: Wired) -> str:
    ((sealed,),) = await wired.world.sql("SELECT refresh_token FROM douyin.binding")
    return str(sealed)


async def _again(wired: Wired, sealed: str, state: str) -> None:
    """The binding as it was before the platform said anything."""
    await wired.world.sql(
        "UPDATE douyin.binding SET refresh_token = $1, refreshing_until = NULL,"
        f" needed_reason = NULL, needed_since = NULL, usable_until = NULL, {state}",
        sealed,
    )


async def _binding(wired: Wired) -> Any:
    (row,) = await wired.world.sql(
        "SELECT refresh_token, needed_reason AS needed, refreshing_until > now() AS is_paused"
        " FROM douyin.binding"
    )
    return row


def _keeper(wired: Wired) -> BusinessKeeper:
    deps = wired.connector.asking
    return BusinessKeeper(deps.database, deps.sealer, deps.directory, deps.tokens.oauth)


async def test_a_business_token_that_is_refused_is_given_up_or_tried_later(wired: Wired) -> None:
    wanted = {"scopes": ["user_info"]}
    for number, (code, meaning) in enumerate(some(table(Group.RENEW)).items()):
        match = {"If-Match": "*"} if number else {}
        await wired.call("PUT", "douyin-business-token", wanted, **match)
        await wired.refuses("/oauth/business_token/", code)
        await _keeper(wired).refresh_due()
        shown = (await wired.call("GET", "douyin-business-token")).json()
        if meaning.remedy in {Remedy.PERMANENT, Remedy.RE_AUTHORISE}:
            assert (shown["state"], shown["refused_reason"]) == ("refused", meaning.reason), code
        else:
            assert shown["state"] == "pending", code
            assert await _is_paused(wired), code


async def test_a_business_token_that_cannot_be_refreshed_is_issued_anew_or_tried_later(
    wired: Wired,
) -> None:
    await wired.call("PUT", "douyin-business-token", {"scopes": ["user_info"]})
    await _keeper(wired).refresh_due()
    ((sealed, ends),) = await wired.world.sql(
        "SELECT refresh_token, refresh_expires_at FROM douyin.business_token"
    )
    for code, meaning in some(table(Group.RENEW)).items():
        await wired.world.sql(
            "UPDATE douyin.business_token SET refresh_token = $1, refresh_expires_at = $2,"
            " expires_at = now(), refreshing_until = NULL",
            sealed,
            ends,
        )
        await wired.refuses("/oauth/refresh_biz_token/", code)
        await _keeper(wired).refresh_due()
        rows = await wired.world.sql("SELECT refresh_token IS NULL FROM douyin.business_token")
        is_given_up = meaning.remedy in {Remedy.PERMANENT, Remedy.RE_AUTHORISE}
        assert rows[0][0] is is_given_up, code
        assert await _is_paused(wired) is not is_given_up, code
    await wired.world.sql(
        "UPDATE douyin.business_token SET refresh_token = NULL, refreshing_until = NULL"
    )
    await _keeper(wired).refresh_due()
    assert (await wired.call("GET", "douyin-business-token")).json()["state"] == "active"


async def _is_paused(wired: Wired) -> bool:
    rows = await wired.world.sql("SELECT refreshing_until > now() FROM douyin.business_token")
    return bool(rows[0][0])
