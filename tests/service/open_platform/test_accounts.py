"""Organizations and accounts over HTTP."""

from typing import Any

import pytest

from tests.service.open_platform.conftest import PlatformWorld


async def test_a_key_sees_its_own_organization(platform: PlatformWorld) -> None:
    mine = await platform.ok("GET", "/v1/organization")
    assert (mine["id"], mine["name"]) == (platform.organization, "青禾服饰有限公司")
    assert mine["created_at"].endswith("Z")


async def test_a_new_account_follows_the_articles_and_shanghai(platform: PlatformWorld) -> None:
    account = await platform.an_account(settings={"channel": "女装🌿"})
    found = await platform.ok("GET", f"/v1/accounts/{account}")
    assert found["profile"] == "seed_2021"
    assert found["timezone"] == "Asia/Shanghai"
    assert found["settings"] == {"channel": "女装🌿"}
    assert found["policy_version"] == 1


async def test_walking_the_pages_sees_every_account_once(platform: PlatformWorld) -> None:
    made = [await platform.an_account(name=f"门店{number}") for number in range(5)]
    await platform.ok("POST", "/v1/accounts", {"name": "别家的店"}, by=platform.stranger)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = f"&cursor={cursor}" if cursor else ""
        page = await platform.ok("GET", f"/v1/accounts?limit=2{query}")
        seen += [account["id"] for account in page["data"]]
        cursor = page["next_cursor"]
    assert seen == made


async def test_a_cursor_of_another_organization_is_refused(platform: PlatformWorld) -> None:
    await platform.an_account()
    cursor = (await platform.ok("GET", "/v1/accounts?limit=1"))["next_cursor"]
    answer = await platform.ask("GET", f"/v1/accounts?cursor={cursor}", by=platform.stranger)
    assert answer.status_code == 400
    assert (await platform.ask("GET", "/v1/accounts?cursor=nonsense")).status_code == 400


async def test_a_change_needs_the_version_that_it_changes(platform: PlatformWorld) -> None:
    path = f"/v1/accounts/{await platform.an_account()}"
    tag = (await platform.ask("GET", path)).headers["etag"]

    without = await platform.ask("PATCH", path, {"name": "新名字"})
    assert (without.status_code, without.json()["code"]) == (428, "precondition_required")
    changed = await platform.ask("PATCH", path, {"name": "新名字"}, if_match=tag)
    assert changed.status_code == 200
    assert changed.json()["name"] == "新名字"
    assert changed.headers["etag"] != tag
    stale = await platform.ask("PATCH", path, {"name": "旧名字"}, if_match=tag)
    assert (stale.status_code, stale.json()["code"]) == (412, "precondition_failed")
    assert (await platform.ok("GET", path))["name"] == "新名字"


async def test_what_is_unchanged_is_not_sent_again(platform: PlatformWorld) -> None:
    path = f"/v1/accounts/{await platform.an_account()}"
    tag = (await platform.ask("GET", path)).headers["etag"]
    assert (await platform.ask("GET", path, if_none_match=tag)).status_code == 304
    assert (await platform.ask("GET", path, if_none_match='"v99"')).status_code == 200


async def test_a_change_of_nothing_is_no_change(platform: PlatformWorld) -> None:
    path = f"/v1/accounts/{await platform.an_account()}"
    before = (await platform.ask("GET", path)).headers["etag"]
    answer = await platform.ask("PATCH", path, {"name": "青禾女装旗舰店"}, if_match=before)
    assert answer.headers["etag"] == before
    assert len(await platform.published()) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "#/name"),
        ({"name": "x" * 201}, "#/name"),
        ({"name": "a\0b"}, "#/name"),
        ({"name": "ok", "timezone": "Mars/Olympus"}, "#/timezone"),
        ({"name": "ok", "profile": "seed_1999"}, "#/profile"),
        ({"name": "ok", "organization_id": "org_other"}, "#/organization_id"),
        ({"name": "ok", "policy_version": 9}, "#/policy_version"),
        ({"name": "ok", "settings": {"a": "b\0"}}, "#/settings/a"),
    ],
)
async def test_a_bad_account_is_refused_and_nothing_is_made(
    platform: PlatformWorld, body: dict[str, Any], pointer: str
) -> None:
    answer = await platform.ask("POST", "/v1/accounts", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await platform.ok("GET", "/v1/accounts"))["data"] == []


async def test_no_endpoint_shows_or_changes_what_belongs_to_others(platform: PlatformWorld) -> None:
    account = await platform.an_account()
    key = await platform.a_key()
    path = f"/v1/accounts/{account}"
    override = f"{path}/policy/dm.reply.limit"
    requests: list[tuple[str, str, Any]] = [
        ("GET", path, None),
        ("PATCH", path, {"name": "抢走"}),
        ("GET", f"{path}/policy", None),
        ("PUT", override, {"value": 3}),
        ("DELETE", override, None),
        ("DELETE", f"/v1/api-keys/{key['id']}", None),
    ]
    for verb, place, body in requests:
        answer = await platform.ask(verb, place, body, by=platform.stranger, if_match="*")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), place
        assert "青禾" not in answer.text
    for place in ("/v1/accounts", "/v1/api-keys"):
        assert (await platform.ok("GET", place, by=platform.stranger))["data"] == []
    assert await platform.token_of(key["api_key"])
    assert (await platform.ok("GET", path))["name"] == "青禾女装旗舰店"


async def test_without_the_scope_nothing_is_managed(platform: PlatformWorld) -> None:
    reader = platform.world.caller(platform.organization, frozenset({"dm:read"}))
    for place in ("/v1/organization", "/v1/accounts", "/v1/api-keys"):
        answer = await platform.world.http.get(place, headers=reader)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert (await platform.world.http.get(place)).status_code == 401


@pytest.mark.parametrize("account", ["acc_none", "%00", "x" * 100, "a%2Fb"])
async def test_an_id_that_is_none_is_never_an_error_of_ours(
    platform: PlatformWorld, account: str
) -> None:
    answer = await platform.ask("GET", f"/v1/accounts/{account}")
    assert answer.status_code in {400, 404, 422}
