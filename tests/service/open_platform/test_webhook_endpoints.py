"""Webhook endpoints: made, shown without their secret, changed by version, rotated, deleted."""

import asyncio
from typing import Any

import pytest

from tests.service.open_platform.conftest import PlatformWorld

HOOK = {"url": "https://hooks.example/siyu", "event_types": ["dm.rule_paused", "lead.changed"]}
PLACE = "/v1/webhook-endpoints"


async def made(platform: PlatformWorld, **changed: Any) -> dict[str, Any]:
    """A new endpoint as it was shown."""
    return await platform.ok("POST", PLACE, {**HOOK, **changed})


async def test_a_secret_is_shown_once_and_lies_sealed(platform: PlatformWorld) -> None:
    new = await made(platform)
    assert new["secret"].startswith("whsec_")
    (listed,) = (await platform.ok("GET", PLACE))["data"]
    assert listed == {name: part for name, part in new.items() if name != "secret"}
    assert listed["enabled"]
    (row,) = await platform.world.sql("SELECT * FROM open_platform.webhook_endpoint")
    assert all(new["secret"][6:] not in str(column) for column in row.values())


async def test_the_same_request_under_its_key_is_shown_the_same_secret(
    platform: PlatformWorld,
) -> None:
    first, again = [
        await platform.ask("POST", PLACE, HOOK, idempotency_key="one-endpoint") for _ in range(2)
    ]
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    rows = await platform.world.sql("SELECT body FROM open_platform.idempotency_key")
    assert first.json()["secret"].encode() not in bytes(rows[0]["body"])


async def test_a_change_needs_the_version_that_it_is_based_on(platform: PlatformWorld) -> None:
    place = f"{PLACE}/{(await made(platform))['id']}"
    tag = (await platform.ask("GET", place)).headers["etag"]
    change = {"event_types": ["lead.changed"], "description": "CRM"}
    assert (await platform.ask("PATCH", place, change)).status_code == 428
    changed = await platform.ask("PATCH", place, change, if_match=tag)
    assert changed.json()["event_types"] == ["lead.changed"]
    assert changed.json()["description"] == "CRM"
    assert (await platform.ask("PATCH", place, change, if_match=tag)).status_code == 412
    assert (await platform.ask("DELETE", place, if_match=tag)).status_code == 412


async def test_an_endpoint_is_disabled_and_enabled_again(platform: PlatformWorld) -> None:
    place = f"{PLACE}/{(await made(platform))['id']}"
    off = await platform.ok("PATCH", place, {"enabled": False}, if_match="*")
    assert (off["enabled"], off["disabled_reason"]) == (False, "by_owner")
    on = await platform.ok("PATCH", place, {"enabled": True}, if_match="*")
    assert (on["enabled"], on["disabled_reason"]) == (True, None)


async def test_a_deleted_endpoint_is_gone_with_its_secrets(platform: PlatformWorld) -> None:
    place = f"{PLACE}/{(await made(platform))['id']}"
    assert (await platform.ask("DELETE", place, if_match="*")).status_code == 204
    assert (await platform.ask("GET", place)).status_code == 404
    assert (await platform.ok("GET", PLACE))["data"] == []
    (row,) = await platform.world.sql("SELECT secret FROM open_platform.webhook_endpoint")
    assert row["secret"] == ""


async def test_a_rotated_secret_is_another_and_the_old_one_has_its_end(
    platform: PlatformWorld,
) -> None:
    new = await made(platform)
    place = f"{PLACE}/{new['id']}"
    rotated = await platform.ok("POST", f"{place}/secret", {"overlap_hours": 1})
    assert rotated["secret"] not in {new["secret"], ""}
    assert rotated["previous_secret_until"]
    shown = await platform.ok("GET", place)
    assert "secret" not in shown
    assert shown["previous_secret_until"] == rotated["previous_secret_until"]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "http://hooks.example/x"}, "#/url"),
        ({"url": "https://127.1/x"}, "#/url"),
        ({"url": "https://hooks.example/\r\nX: y"}, "#/url"),
        ({"url": ""}, "#/url"),
        ({"event_types": []}, "#/event_types"),
        ({"event_types": ["lead.changed", "lead.changed"]}, "#/event_types"),
        ({"event_types": ["direct_messages.lead_captured"]}, "#/event_types/0"),
        ({"event_types": ["webhook.test"]}, "#/event_types/0"),
        ({"secret": "whsec_AAAA"}, "#/secret"),
    ],
)
async def test_what_is_wrong_is_named_and_changes_nothing(
    platform: PlatformWorld, body: dict[str, Any], pointer: str
) -> None:
    place = f"{PLACE}/{(await made(platform))['id']}"
    before = await platform.ok("GET", place)
    answers = [await platform.ask("POST", PLACE, {**HOOK, **body})]
    answers += [await platform.ask("PATCH", place, body, if_match="*")]
    for answer in answers:
        assert answer.status_code == 422
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert (await platform.ok("GET", PLACE))["data"] == [before]


async def test_there_is_room_for_twenty_however_many_come_at_once(platform: PlatformWorld) -> None:
    for _ in range(18):
        await made(platform)
    answers = await asyncio.gather(*(platform.ask("POST", PLACE, HOOK) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 201, 409, 409]


async def test_nobody_else_sees_or_changes_an_endpoint(platform: PlatformWorld) -> None:
    place = f"{PLACE}/{(await made(platform))['id']}"
    for verb, path, body in (
        ("GET", place, None),
        ("PATCH", place, {"enabled": False}),
        ("DELETE", place, None),
        ("POST", f"{place}/secret", {}),
    ):
        answer = await platform.ask(verb, path, body, by=platform.stranger, if_match="*")
        assert answer.status_code == 404
    assert (await platform.ok("GET", place))["enabled"]


async def test_the_catalogue_names_what_a_webhook_carries(platform: PlatformWorld) -> None:
    types = {
        each["type"]: each for each in (await platform.ok("GET", "/v1/webhook-event-types"))["data"]
    }
    assert "contact" not in types["dm.lead_captured"]["data"]
    assert types["lead.changed"]["links"] == ["lead"]
