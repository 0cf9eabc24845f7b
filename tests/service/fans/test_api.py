"""Fans over HTTP: listing, importing, noting whether somebody follows."""

from typing import Any

import pytest

from tests.service.fans.conftest import FAN, PATH, STRANGER, FansWorld, a_follow, at


async def test_an_import_makes_fans_once(fans: FansWorld) -> None:
    people: list[dict[str, Any]] = [
        {"open_id": FAN, "nickname": "粉丝甲", "follows": False},
        {"open_id": "o2", "nickname": "奶茶不加糖🧋", "follows": True},
        {"open_id": "o3"},
    ]
    assert await fans.bring(*people) == ["created"] * 3
    told = await fans.told()
    before = (await fans.ok("GET", PATH))["data"]

    assert await fans.bring(*people) == ["unchanged"] * 3
    assert await fans.told() == told
    assert (await fans.ok("GET", PATH))["data"] == before
    assert {one["data"]["open_id"]: one["data"]["follows"] for one in told} == {
        FAN: False,
        "o2": True,
    }
    assert {fan["open_id"]: (fan["nickname"], fan["follows"]) for fan in before} == {
        FAN: ("粉丝甲", False),
        "o2": ("奶茶不加糖🧋", True),
        "o3": (None, None),
    }


async def test_an_import_changes_what_it_knows_better_and_keeps_the_rest(fans: FansWorld) -> None:
    await fans.bring({"open_id": FAN, "nickname": "粉丝甲", "follows": True})
    assert await fans.bring({"open_id": FAN}) == ["unchanged"]
    assert await fans.bring({"open_id": FAN, "nickname": "甲"}) == ["updated"]
    fan = await fans.fan()
    assert (fan["nickname"], fan["follows"]) == ("甲", True)


async def test_an_imported_follower_began_no_epoch_before_our_eyes(fans: FansWorld) -> None:
    await fans.bring({"open_id": FAN, "follows": True})
    fan = await fans.fan()
    assert (fan["epoch"], fan["followed_at"]) == (0, None)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"fans": []}, "#/fans"),
        ({"fans": [{"open_id": f"o{n}"} for n in range(251)]}, "#/fans"),
        ({"fans": [{"open_id": "o1"}, {"open_id": "o1"}]}, "#/fans"),
        ({"fans": [{"open_id": "o1"}, {"open_id": ""}]}, "#/fans/1/open_id"),
        ({"fans": [{"open_id": "o1", "nickname": "a\0b"}]}, "#/fans/0/nickname"),
        ({"fans": [{"open_id": "o1", "nickname": "x" * 201}]}, "#/fans/0/nickname"),
        ({"fans": [{"open_id": "o1", "epoch": 7}]}, "#/fans/0/epoch"),
        ({"fans": [{"open_id": "o1", "follows": "maybe"}]}, "#/fans/0/follows"),
    ],
)
async def test_a_bad_import_is_refused_whole(
    fans: FansWorld, body: dict[str, Any], pointer: str
) -> None:
    answer = await fans.ask("POST", PATH, body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (await fans.ok("GET", PATH))["data"] == []


async def test_a_lone_surrogate_is_refused(fans: FansWorld) -> None:
    raw = b'{"fans": [{"open_id": "o1", "nickname": "\\ud83d"}]}'
    headers = fans.world.caller("org_1") | {"content-type": "application/json"}
    answer = await fans.world.http.post(PATH, content=raw, headers=headers)
    assert answer.status_code == 422


async def test_250_fans_are_taken_over_at_once(fans: FansWorld) -> None:
    people = [{"open_id": f"o{number:03}", "follows": True} for number in range(250)]
    assert set(await fans.bring(*people)) == {"created"}
    assert len(await fans.told()) == 250


async def test_walking_the_pages_sees_every_fan_once(fans: FansWorld) -> None:
    await fans.bring(*({"open_id": f"o{n}", "follows": n % 2 == 0} for n in range(7)))
    for query, expected in (("", 7), ("&follows=true", 4), ("&follows=false", 3)):
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            part = f"&cursor={cursor}" if cursor else ""
            page = await fans.ok("GET", f"{PATH}?limit=2{query}{part}")
            seen += [fan["open_id"] for fan in page["data"]]
            cursor = page["next_cursor"]
        assert len(seen) == len(set(seen)) == expected


async def test_a_cursor_belongs_to_its_filter(fans: FansWorld) -> None:
    await fans.bring({"open_id": "o1", "follows": True}, {"open_id": "o2", "follows": True})
    cursor = (await fans.ok("GET", f"{PATH}?limit=1&follows=true"))["next_cursor"]
    assert (await fans.ask("GET", f"{PATH}?limit=1&cursor={cursor}")).status_code == 400


async def test_what_somebody_saw_is_told_once(fans: FansWorld) -> None:
    await fans.hear(a_follow(1))
    path = f"/v1/fans/{(await fans.fan())['id']}"
    assert (await fans.ok("PUT", f"{path}/follow-state", {"follows": False}))["follows"] is False
    await fans.ok("PUT", f"{path}/follow-state", {"follows": False})
    fan = await fans.ok("PUT", f"{path}/follow-state", {"follows": True})
    assert (fan["follows"], fan["epoch"]) == (True, 2)
    assert fan == await fans.ok("GET", path)
    told = [(one["data"]["follows"], one["data"]["epoch"]) for one in await fans.told()]
    assert told == [(True, 1), (False, 1), (True, 2)]
    assert [one["subject_seq"] for one in await fans.told()] == [1, 2, 3]


async def test_what_is_seen_carries_the_business_time(fans: FansWorld) -> None:
    await fans.world.set_clock(at(9))
    await fans.bring({"open_id": FAN, "follows": True})
    assert (await fans.fan())["observed_at"].startswith("2025-01-01T09:00:0")


async def test_no_endpoint_shows_or_changes_the_fans_of_others(fans: FansWorld) -> None:
    await fans.bring({"open_id": FAN, "nickname": "粉丝甲", "follows": False})
    fan = await fans.fan()
    requests: list[tuple[str, str, Any]] = [
        ("GET", PATH, None),
        ("POST", PATH, {"fans": [{"open_id": FAN, "nickname": "换了"}]}),
        ("GET", f"/v1/fans/{fan['id']}", None),
        ("PUT", f"/v1/fans/{fan['id']}/follow-state", {"follows": True}),
    ]
    for verb, path, body in requests:
        answer = await fans.ask(verb, path, body, by=STRANGER)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), path
        assert "粉丝甲" not in answer.text
    assert await fans.fan() == fan


async def test_reading_and_writing_need_their_scopes(fans: FansWorld) -> None:
    reader = fans.world.caller("org_1", frozenset({"fans:read"}))
    assert (await fans.world.http.get(PATH, headers=reader)).status_code == 200
    body = {"fans": [{"open_id": FAN}]}
    assert (await fans.world.http.post(PATH, json=body, headers=reader)).status_code == 403
    other = fans.world.caller("org_1", frozenset({"dm:read"}))
    assert (await fans.world.http.get(PATH, headers=other)).status_code == 403


@pytest.mark.parametrize("fan", ["fan_none", "%00", "x" * 100])
async def test_an_id_that_is_none_is_never_an_error_of_ours(fans: FansWorld, fan: str) -> None:
    assert (await fans.ask("GET", f"/v1/fans/{fan}")).status_code in {400, 404, 422}
    assert (await fans.ask("GET", f"{PATH}?open_id={fan}")).status_code in {200, 400, 422}
