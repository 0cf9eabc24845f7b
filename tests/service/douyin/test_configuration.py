"""Configuration: apps and bindings; secrets go in and never come out."""

import json
from datetime import timedelta
from typing import Any

from tests.service.douyin.conftest import ACCOUNT, KEY, OPEN_ID, ORGANIZATION, SECRET, Connector


async def test_an_app_is_shown_without_its_secrets(quiet: Connector) -> None:
    answer = await quiet.put_app(client_secrets=[SECRET, "the-next-secret-01"])
    shown = {"client_key": KEY, "active_secrets": 2, "max_event_age_hours": None}
    shown |= {"calls_per_second": None}
    assert answer.json() == shown
    headers = quiet.world.caller(ORGANIZATION)
    again = await quiet.world.http.get(f"/v1/douyin-apps/{KEY}", headers=headers)
    assert again.json() == shown


async def test_an_age_that_is_not_named_is_seventy_two_hours(quiet: Connector) -> None:
    body = {"client_secrets": ["some-secret-000001"]}
    headers = quiet.world.caller(ORGANIZATION)
    answer = await quiet.world.http.put("/v1/douyin-apps/plain_app", json=body, headers=headers)
    assert answer.json()["max_event_age_hours"] == 72


async def test_secrets_and_tokens_are_sealed_at_rest(quiet: Connector) -> None:
    await quiet.bind(access_token="act.plain", refresh_token="rft.plain")
    for table in ("app", "binding"):
        stored = json.dumps(
            [str(dict(r)) for r in await quiet.world.sql(f"SELECT * FROM douyin.{table}")]
        )
        for secret in (SECRET, "act.plain", "rft.plain"):
            assert secret not in stored
        assert "s1.at-rest." in stored


async def test_a_binding_shows_its_state_and_no_token(quiet: Connector) -> None:
    ends = (await quiet.world.now()) + timedelta(hours=48)
    answer = await quiet.bind(access_token_expires_at=ends.isoformat())
    shown = answer.json()
    assert (shown["state"], shown["open_id"]) == ("expiring", OPEN_ID)
    assert "act.x" not in answer.text
    await quiet.world.advance(timedelta(days=3))
    path, headers = f"/v1/accounts/{ACCOUNT}/douyin-binding", quiet.world.caller(ORGANIZATION)
    assert (await quiet.world.http.get(path, headers=headers)).json()["state"] == "expired"
    pending = await quiet.bind(account="acc_2", open_id="other", access_token=None)
    assert pending.json()["state"] == "pending"


async def test_what_somebody_else_holds_is_a_conflict(quiet: Connector) -> None:
    other = await quiet.put_app(organization="org_2")
    assert (other.status_code, other.json()["code"]) == (409, "douyin.client_key_taken")
    bound = await quiet.bind(account="acc_2")
    assert (bound.status_code, bound.json()["code"]) == (409, "douyin.open_id_taken")
    # nobody learns which accounts there are under a foreign app
    foreign = await quiet.bind(account="acc_2", organization="org_2")
    assert (foreign.status_code, foreign.json()["code"]) == (422, "douyin.unknown_app")
    free = await quiet.bind(account="acc_2", organization="org_2", open_id="free")
    assert (free.status_code, free.json()["code"]) == (422, "douyin.unknown_app")


async def test_another_organization_sees_nothing(quiet: Connector) -> None:
    headers = quiet.world.caller("org_2")
    for path in (f"/v1/douyin-apps/{KEY}", f"/v1/accounts/{ACCOUNT}/douyin-binding"):
        assert (await quiet.world.http.get(path, headers=headers)).status_code == 404


async def test_configuring_needs_its_scope(quiet: Connector) -> None:
    reader = quiet.world.caller(ORGANIZATION, frozenset({"dm:read"}))
    for path in (f"/v1/douyin-apps/{KEY}", f"/v1/accounts/{ACCOUNT}/douyin-binding"):
        assert (await quiet.world.http.get(path, headers=reader)).status_code == 403
        assert (await quiet.world.http.put(path, json={}, headers=reader)).status_code == 403
        assert (await quiet.world.http.get(path)).status_code == 401


async def test_bad_input_is_refused_and_changes_nothing(quiet: Connector) -> None:
    apps: list[dict[str, Any]] = [
        {"client_secrets": []},
        {"client_secrets": [SECRET] * 3},
        {"client_secrets": ["short"]},
        {"max_event_age_hours": 0},
        {"surprise": 1},
    ]
    for app in apps:
        assert (await quiet.put_app(**app)).status_code == 422
    for binding in ({"open_id": "a\x00b"}, {"open_id": ""}, {"access_token": "a b"}):
        assert (await quiet.bind(**binding)).status_code == 422
    headers = quiet.world.caller(ORGANIZATION)
    shown = await quiet.world.http.get(f"/v1/douyin-apps/{KEY}", headers=headers)
    assert shown.json()["active_secrets"] == 1


async def test_the_demo_secret_is_refused_outside_embedded_mode(quiet: Connector) -> None:
    deps = quiet.world.apis[0].app.state.deps
    quiet.world.apis[0].app.state.deps = type(deps)(
        deps.database, deps.sealer, deps.directory, is_embedded=False
    )
    refused = await quiet.put_app()
    assert (refused.status_code, refused.json()["code"]) == (422, "douyin.demo_secret")


async def test_what_is_configured_is_replaced_only_on_the_version_that_was_read(
    quiet: Connector,
) -> None:
    http, headers = quiet.world.http, quiet.world.caller(ORGANIZATION)
    bodies: dict[str, dict[str, Any]] = {
        f"/v1/douyin-apps/{KEY}": {"client_secrets": [SECRET]},
        f"/v1/accounts/{ACCOUNT}/douyin-binding": {"client_key": KEY, "open_id": OPEN_ID},
    }
    for path, body in bodies.items():
        tag = (await http.get(path, headers=headers)).headers["etag"]
        for said, status in (
            ({}, 428),
            ({"If-None-Match": "*"}, 412),
            ({"If-Match": '"another"'}, 412),
            ({"If-Match": tag}, 200),
            ({"If-Match": tag}, 412),  # it has been replaced since
            ({"If-Match": "*"}, 200),
        ):
            answer = await http.put(path, json=body, headers={**headers, **said})
            assert answer.status_code == status, (path, said, answer.text)
        shown = [(await http.get(path, headers=headers)).headers["etag"] for _ in range(2)]
        assert len({*shown, tag}) == 2, "one version, and another than before"


async def test_something_new_needs_no_version_and_may_insist_on_being_new(
    quiet: Connector,
) -> None:
    http, headers = quiet.world.http, quiet.world.caller(ORGANIZATION)
    body = {"client_secrets": ["some-secret-000001"]}
    insisting = {**headers, "If-None-Match": "*"}
    for key, sent, status in (
        ("new_one", headers, 200),
        ("new_two", insisting, 200),
        ("new_two", insisting, 412),
        ("new_three", {**headers, "If-Match": "*"}, 412),
    ):
        answer = await http.put(f"/v1/douyin-apps/{key}", json=body, headers=sent)
        assert answer.status_code == status, key
