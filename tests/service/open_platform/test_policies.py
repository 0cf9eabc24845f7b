"""Policies: both profiles, overrides, and that everybody hears of a change."""

from datetime import date, timedelta
from typing import Any

import pytest

from services.open_platform.actions import policies
from services.open_platform.domain.policy_keys import KINDS, PROFILES
from tests.service.open_platform.conftest import PlatformWorld

LIMIT = "dm.reply.limit"


async def value(platform: PlatformWorld, account: str, key: str = LIMIT) -> tuple[Any, str]:
    """What holds, and where it comes from."""
    policy = await platform.ok("GET", f"/v1/accounts/{account}/policy")
    (found,) = [one for one in policy["values"] if one["key"] == key]
    return found["value"], found["origin"]


@pytest.mark.parametrize("profile", PROFILES)
async def test_a_profile_has_a_valid_value_and_a_source_for_every_key(
    platform: PlatformWorld, profile: str
) -> None:
    account = await platform.an_account(profile=profile)
    policy = await platform.ok("GET", f"/v1/accounts/{account}/policy")
    assert {one["key"] for one in policy["values"]} == set(KINDS)
    for one in policy["values"]:
        assert KINDS[one["key"]].complaint(one["value"]) is None, one
        assert one["source"]
        assert one["origin"] == "profile"


@pytest.mark.parametrize(
    ("profile", "applies_to", "hours"),
    [("seed_2021", "non_followers", None), ("openapi_2025", "everyone", 24)],
)
async def test_the_profiles_differ_where_the_platform_changed(
    platform: PlatformWorld, profile: str, applies_to: str, hours: int | None
) -> None:
    account = await platform.an_account(profile=profile)
    assert (await value(platform, account, "dm.reply.applies_to"))[0] == applies_to
    assert (await value(platform, account, "dm.reply.window_hours"))[0] == hours
    assert (await value(platform, account, "push.monthly_limit"))[0] == 8


def days_of(texts: list[str]) -> list[date]:
    """Every day that these name, one by one."""
    spans = [(text.partition("/")[0], text.partition("/")[2]) for text in texts]
    ends = [(date.fromisoformat(one), date.fromisoformat(last or one)) for one, last in spans]
    return [first + timedelta(n) for first, last in ends for n in range((last - first).days + 1)]


@pytest.mark.parametrize(("year", "days_off"), [(2025, 28), (2026, 33)])
async def test_the_holidays_of_a_year_fit_the_law_and_name_their_notice(
    platform: PlatformWorld, year: int, days_off: int
) -> None:
    account = await platform.an_account()
    policy = await platform.ok("GET", f"/v1/accounts/{account}/policy")
    found = {one["key"]: one for one in policy["values"]}
    holidays, makeup = (
        [day for day in days_of(found[key]["value"]) if day.year == year]
        for key in ("calendar.holidays", "calendar.makeup_days")
    )
    assert len(set(holidays)) == len(holidays) == days_off
    assert {day.weekday() >= 5 for day in makeup} == {True}, "who makes up works on a weekend"
    assert set(makeup).isdisjoint(holidays)
    # thirteen days off by law; what is off beyond that is made up for
    assert len([day for day in holidays if day.weekday() < 5]) - len(makeup) == 13
    assert f"国办发明电〔{year - 1}〕" in found["calendar.holidays"]["source"]
    assert found["calendar.holidays"]["source"] == found["calendar.makeup_days"]["source"]


async def test_a_new_account_is_told_with_its_whole_policy(platform: PlatformWorld) -> None:
    account = await platform.an_account()
    (told,) = await platform.published()
    assert told["type"] == "open_platform.policy_changed"
    assert told["tenant"] == {"organization_id": platform.organization, "account_id": account}
    assert (told["subject"], told["subject_seq"]) == (account, 1)
    assert told["data"]["policy_version"] == 1
    assert set(told["data"]["values"]) == set(KINDS)
    assert told["data"]["values"][LIMIT] == 6


async def test_an_override_holds_is_told_and_can_be_taken_back(platform: PlatformWorld) -> None:
    account = await platform.an_account()
    path = f"/v1/accounts/{account}/policy/{LIMIT}"

    put = await platform.ok("PUT", path, {"value": 3}, if_match="*")
    assert put["policy_version"] == 2
    assert await value(platform, account) == (3, "account")
    assert (await platform.ask("DELETE", path, if_match="*")).status_code == 204
    assert await value(platform, account) == (6, "profile")

    told = [one["data"] for one in await platform.published()]
    assert [(one["policy_version"], one["values"][LIMIT]) for one in told] == [
        (1, 6),
        (2, 3),
        (3, 6),
    ]


async def test_the_same_override_again_is_no_change(platform: PlatformWorld) -> None:
    account = await platform.an_account()
    path = f"/v1/accounts/{account}/policy/{LIMIT}"
    for _ in range(2):
        assert (await platform.ok("PUT", path, {"value": 3}, if_match="*"))["policy_version"] == 2
    for _ in range(2):
        assert (await platform.ask("DELETE", path, if_match="*")).status_code == 204
    assert len(await platform.published()) == 3


async def test_nothing_can_be_overridden_by_nothing(platform: PlatformWorld) -> None:
    account = await platform.an_account(profile="openapi_2025")
    path = f"/v1/accounts/{account}/policy/dm.reply.window_hours"
    await platform.ok("PUT", path, {"value": None}, if_match="*")
    assert await value(platform, account, "dm.reply.window_hours") == (None, "account")


async def test_what_the_organization_sets_holds_for_accounts_without_their_own(
    platform: PlatformWorld,
) -> None:
    own, other = await platform.an_account(), await platform.an_account()
    await platform.ok("PUT", f"/v1/accounts/{own}/policy/{LIMIT}", {"value": 3}, if_match="*")
    await policies.override_for_all(platform.deps, platform.organization, LIMIT, 4)
    assert await value(platform, own) == (3, "account")
    assert await value(platform, other) == (4, "organization")
    told = [one for one in await platform.published() if one["tenant"]["account_id"] == other]
    assert [one["data"]["policy_version"] for one in told] == [1, 2]
    await policies.take_back_for_all(platform.deps, platform.organization, LIMIT)
    assert await value(platform, other) == (6, "profile")


async def test_another_profile_is_another_policy(platform: PlatformWorld) -> None:
    account = await platform.an_account()
    path = f"/v1/accounts/{account}"
    changed = await platform.ok("PATCH", path, {"profile": "openapi_2025"}, if_match='"1"')
    assert changed["policy_version"] == 2
    told = (await platform.published())[-1]["data"]
    assert (told["profile"], told["values"]["dm.reply.applies_to"]) == ("openapi_2025", "everyone")


async def test_an_override_of_a_policy_that_was_changed_meanwhile_can_be_prevented(
    platform: PlatformWorld,
) -> None:
    account = await platform.an_account()
    path = f"/v1/accounts/{account}/policy"
    tag = (await platform.ask("GET", path)).headers["etag"]
    await platform.ok("PUT", f"{path}/{LIMIT}", {"value": 3}, if_match=tag)
    stale = await platform.ask("PUT", f"{path}/{LIMIT}", {"value": 5}, if_match=tag)
    assert stale.status_code == 412
    for verb in ("PUT", "DELETE"):
        unsaid = await platform.ask(verb, f"{path}/{LIMIT}", {"value": 5})
        assert (unsaid.status_code, unsaid.json()["code"]) == (428, "precondition_required")
    assert await value(platform, account) == (3, "account")


@pytest.mark.parametrize(
    ("key", "body", "pointer"),
    [
        (LIMIT, {"value": "6"}, "#/value"),
        (LIMIT, {"value": -1}, "#/value"),
        (LIMIT, {"value": True}, "#/value"),
        (LIMIT, {"value": None}, "#/value"),
        (LIMIT, {"value": {"a": 1}}, "#/value"),
        ("dm.reply.unheard_of", {"value": 6}, "#/key"),
        (LIMIT, {}, "#/value"),
        (LIMIT, {"value": 6, "profile": "x"}, "#/profile"),
        (LIMIT, {"value": "\0"}, None),
    ],
)
async def test_an_override_that_does_not_fit_is_refused_and_changes_nothing(
    platform: PlatformWorld, key: str, body: dict[str, Any], pointer: str | None
) -> None:
    account = await platform.an_account()
    answer = await platform.ask("PUT", f"/v1/accounts/{account}/policy/{key}", body, if_match="*")
    assert answer.status_code == 422
    if pointer:
        assert answer.json()["errors"][0]["pointer"] == pointer
    assert len(await platform.published()) == 1


async def test_an_unknown_key_cannot_be_taken_back(platform: PlatformWorld) -> None:
    account = await platform.an_account()
    answer = await platform.ask(
        "DELETE", f"/v1/accounts/{account}/policy/dm.unheard_of", if_match="*"
    )
    assert answer.status_code == 422


async def test_a_number_with_a_later_date_holds_and_is_told_when_its_time_comes(
    platform: PlatformWorld,
) -> None:
    account = await platform.an_account()
    await platform.world.sql(
        "INSERT INTO open_platform.platform_policy (profile, key, effective_from, value, source)"
        " VALUES ('seed_2021', $1, now() + interval '1 day', '5', 'official')",
        LIMIT,
    )
    assert await policies.follow_time(platform.deps) == 0
    assert await value(platform, account) == (6, "profile")

    await platform.world.advance(timedelta(days=2))
    assert await policies.follow_time(platform.deps) == 1
    assert await policies.follow_time(platform.deps) == 0
    told = (await platform.published())[-1]["data"]
    assert (told["policy_version"], told["values"][LIMIT]) == (2, 5)
