"""API keys: shown once, exchanged for tokens, revoked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.open_platform.domain.api_keys import is_well_formed
from shared.errors import Unauthenticated
from shared.http.principal import Authenticator
from tests.service.open_platform.conftest import PlatformWorld


async def test_a_key_is_exchanged_for_a_token_of_its_principal(platform: PlatformWorld) -> None:
    key = await platform.a_key(scopes=["dm:read", "dm:send"])
    token = await platform.token_of(key["api_key"])
    assert token
    principal = platform.world.resources.tokens.verify(token)
    assert principal.organization_id == platform.organization
    assert principal.key_id == key["id"]
    assert principal.scopes == {"dm:read", "dm:send"}


async def test_a_key_opens_the_api_through_the_whole_door(platform: PlatformWorld) -> None:
    key = await platform.a_key(scopes=["account:manage"])
    headers = {"Authorization": f"Bearer {key['api_key']}"}
    answer = await platform.world.http.get("/v1/organization", headers=headers)
    assert answer.json()["id"] == platform.organization


async def test_a_key_is_shown_once_and_never_stored(platform: PlatformWorld) -> None:
    key = await platform.a_key(mode="test")
    assert is_well_formed(key["api_key"])
    assert key["api_key"].startswith("dyk_test_")
    assert key["last4"] == key["api_key"][-4:]

    (listed,) = (await platform.ok("GET", "/v1/api-keys"))["data"]
    assert "api_key" not in listed
    assert {k: v for k, v in key.items() if k != "api_key"} == listed
    (row,) = await platform.world.sql("SELECT * FROM open_platform.api_key")
    assert key["api_key"].encode() not in bytes(row["digest"])
    assert all(key["api_key"] not in str(column) for column in row.values())


async def test_a_revoked_key_is_no_key(platform: PlatformWorld) -> None:
    key = await platform.a_key()
    for _ in range(2):
        answer = await platform.ask("DELETE", f"/v1/api-keys/{key['id']}", if_match="*")
        assert answer.status_code == 204
    assert await platform.token_of(key["api_key"]) is None
    (listed,) = (await platform.ok("GET", "/v1/api-keys"))["data"]
    assert listed["revoked_at"]


async def test_a_process_that_has_not_asked_in_the_last_minute_refuses_a_revoked_key(
    platform: PlatformWorld,
) -> None:
    key = (await platform.a_key())["api_key"]
    header = f"Bearer {key}"
    one = Authenticator(platform.world.resources.tokens, platform.token_of)
    assert (await one.authenticate(header)).organization_id == platform.organization
    (listed,) = (await platform.ok("GET", "/v1/api-keys"))["data"]
    await platform.ask("DELETE", f"/v1/api-keys/{listed['id']}", if_match="*")

    another = Authenticator(platform.world.resources.tokens, platform.token_of)
    with pytest.raises(Unauthenticated):
        await another.authenticate(header)


async def test_an_expired_key_is_no_key(platform: PlatformWorld) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    key = await platform.a_key(expires_at=soon)
    assert await platform.token_of(key["api_key"])
    await platform.world.sql("UPDATE open_platform.api_key SET expires_at = now()")
    assert await platform.token_of(key["api_key"]) is None


async def test_the_business_clock_lets_no_key_expire(platform: PlatformWorld) -> None:
    soon = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    key = await platform.a_key(expires_at=soon)
    await platform.world.advance(timedelta(days=31))
    assert await platform.token_of(key["api_key"])


@pytest.mark.parametrize(
    "text", ["", "dyk_live_", "dyk_live_" + "0" * 36, "x" * 5000, "\0", "dyk_live_é", "\ud800"]
)
async def test_what_is_no_key_is_exchanged_for_nothing(platform: PlatformWorld, text: str) -> None:
    if text == "\ud800":
        raw = b'{"api_key": "\\ud800"}'
        headers = platform.world.internal() | {"content-type": "application/json"}
        answer = await platform.world.http.post("/internal/tokens", content=raw, headers=headers)
        assert answer.status_code in {200, 422}
        return
    assert await platform.token_of(text) is None


async def test_only_our_own_services_exchange_keys(platform: PlatformWorld) -> None:
    key = await platform.a_key()
    answer = await platform.ask("POST", "/internal/tokens", {"api_key": key["api_key"]})
    assert answer.status_code == 403


async def test_a_use_is_written_down_at_most_once_a_minute(platform: PlatformWorld) -> None:
    key = await platform.a_key()

    async def last_used() -> Any:
        return (await platform.ok("GET", "/v1/api-keys"))["data"][0]["last_used_at"]

    assert await last_used() is None
    await platform.token_of(key["api_key"])
    first = await last_used()
    assert first
    await platform.token_of(key["api_key"])
    assert await last_used() == first
    await platform.world.sql(
        "UPDATE open_platform.api_key SET last_used_at = last_used_at - interval '61 seconds'"
    )
    aged = await last_used()
    await platform.token_of(key["api_key"])
    assert await last_used() > aged


async def test_a_key_cannot_grant_what_it_lacks(platform: PlatformWorld) -> None:
    weak = platform.world.caller(platform.organization, frozenset({"account:manage", "dm:read"}))
    body = {"name": "更多", "scopes": ["dm:read", "dm:send"]}
    answer = await platform.world.http.post("/v1/api-keys", json=body, headers=weak)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await platform.ok("GET", "/v1/api-keys"))["data"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": "k", "scopes": []}, "#/scopes"),
        ({"name": "k", "scopes": ["dm:read", "dm:read"]}, "#/scopes"),
        ({"name": "k", "scopes": ["everything"]}, "#/scopes/0"),
        ({"name": "k", "scopes": ["internal"]}, "#/scopes/0"),
        (
            {"name": "k", "scopes": ["dm:read"], "expires_at": "2020-01-01T00:00:00Z"},
            "#/expires_at",
        ),
        ({"name": "k", "scopes": ["dm:read"], "expires_at": "2030-01-01T00:00:00"}, "#/expires_at"),
        (
            {"name": "k", "scopes": ["dm:read"], "expires_at": "9999-12-31T23:59:59-12:00"},
            "#/expires_at",
        ),
        ({"name": "k\0", "scopes": ["dm:read"]}, "#/name"),
        ({"name": "k", "scopes": ["dm:read"], "last4": "0000"}, "#/last4"),
    ],
)
async def test_a_bad_key_is_refused(
    platform: PlatformWorld, body: dict[str, Any], pointer: str
) -> None:
    answer = await platform.ask("POST", "/v1/api-keys", body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
