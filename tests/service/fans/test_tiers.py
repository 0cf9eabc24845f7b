"""The tier of a fan, as whoever reckons it says."""

import pytest

from tests.service.fans.conftest import FAN, STRANGER, FansWorld, a_follow

GOODWILL = {"tier": "goodwill", "rule_version": "d1-2026-01"}


async def place(fans: FansWorld) -> str:
    """Where the fan's tier is put."""
    return f"/v1/fans/{(await fans.fan())['id']}/tier"


async def test_a_tier_is_shown_with_the_rule_that_gave_it_and_told_once(fans: FansWorld) -> None:
    await fans.bring({"open_id": FAN})
    path = await place(fans)
    first = await fans.ok("PUT", path, GOODWILL)
    assert (first["tier"], first["tier_rule_version"]) == ("goodwill", "d1-2026-01")
    assert first["tiered_at"]

    assert await fans.ok("PUT", path, GOODWILL) == first
    assert await fans.fan() == first
    (told,) = await fans.told()
    assert told["type"] == "fans.tier_changed"
    assert told["data"] == {"open_id": FAN, **GOODWILL, "fan_version": 1}


async def test_tiers_and_follows_count_one_version(fans: FansWorld) -> None:
    await fans.hear(a_follow(1))
    await fans.ok("PUT", await place(fans), GOODWILL)
    await fans.hear(a_follow(2))
    await fans.ok("PUT", await place(fans), {**GOODWILL, "tier": "true_love"})
    assert [one["subject_seq"] for one in await fans.told()] == [1, 2, 3, 4]
    assert (await fans.fan())["epoch"] == 2


async def test_a_change_that_somebody_else_crossed_is_refused(fans: FansWorld) -> None:
    await fans.bring({"open_id": FAN})
    path = await place(fans)
    http, caller = fans.world.http, fans.world.caller("org_1")
    tag = (await http.get(path.removesuffix("/tier"), headers=caller)).headers["etag"]
    await fans.ok("PUT", path, GOODWILL)

    crossed = await http.put(path, json=GOODWILL, headers={**caller, "If-Match": tag})
    unconditional = await http.put(path, json=GOODWILL, headers=caller)

    assert (crossed.status_code, unconditional.status_code) == (412, 428)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"tier": "best", "rule_version": "x"}, "#/tier"),
        ({"tier": "goodwill"}, "#/rule_version"),
        ({"tier": "goodwill", "rule_version": ""}, "#/rule_version"),
    ],
)
async def test_what_is_no_tier_is_refused_and_changes_nothing(
    fans: FansWorld, body: dict[str, str], pointer: str
) -> None:
    await fans.bring({"open_id": FAN})
    answer = await fans.ask("PUT", await place(fans), body)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)
    assert (await fans.fan())["tier"] is None
    stranger = await fans.ask("PUT", await place(fans), GOODWILL, by=STRANGER)
    assert stranger.status_code == 404
