"""What was put aside is seen by its operator, handed over again, and never forgotten on the way."""

import asyncio

import pytest

from tests.service.console.conftest import OTHER, Console


async def test_a_letter_says_what_it_is_why_it_is_here_and_where_the_story_is(
    console: Console,
) -> None:
    letter_id = await console.put_aside("op_06611e4f_1")
    (letter,) = await console.letters()
    assert {k: letter[k] for k in ("service", "id", "lane", "state", "reason", "cause")} == {
        "service": "quota",
        "id": letter_id,
        "lane": "settled",
        "state": "waiting",
        "reason": "ValueError",
        "cause": "evt_cause",
    }
    assert letter["type"] == "direct_messages.send_not_requested"
    assert letter["decision"] == "/v1/messages/dm_06611e4f/decision"
    assert "data" not in letter, "contents stay where they are"


async def test_a_letter_of_what_a_person_sent_has_no_decision(console: Console) -> None:
    await console.put_aside("op_06611e4f")
    assert [letter["decision"] for letter in await console.letters()] == [None]


async def test_letters_of_another_organization_are_neither_seen_nor_moved(
    console: Console,
) -> None:
    letter_id = await console.put_aside("op_1", organization=OTHER)
    assert await console.letters() == []
    assert await console.redrive(letter_id) == [("not_found", "")]
    assert [letter["id"] for letter in await console.letters(by=OTHER)] == [letter_id]


async def test_what_nobody_can_read_is_seen_by_every_operator(console: Console) -> None:
    await console.put_aside_raw("undecodable-1", b'{"id":1}', "undecodable")
    for by in (OTHER, "org_own"):
        (letter,) = await console.letters(by=by)
        assert (letter["type"], letter["cause"], letter["decision"]) == (None, None, None)


async def test_a_letter_that_is_handled_now_leaves_the_list(console: Console) -> None:
    letter_id = await console.put_aside("op_1")
    waiting = asyncio.create_task(console.redrive(letter_id))
    await asyncio.sleep(0.3)
    assert [letter["state"] for letter in await console.letters()] == ["retrying"]
    await console.world.drain()
    assert await waiting == [("handled", "")]
    assert await console.letters() == []


async def test_a_letter_that_nobody_takes_stays_in_the_list(console: Console) -> None:
    letter_id = await console.put_aside("op_1")
    assert await console.redrive(letter_id) == [("retrying", "")]
    assert await console.redrive(letter_id) == [("retrying", "")], "once a minute at most"
    (letter,) = await console.letters()
    assert (letter["id"], letter["state"], letter["reason"]) == (letter_id, "retrying", "redriven")
    await console.world.drain()
    assert await console.letters() == [], "taken late is taken"


async def test_many_letters_come_in_pages_that_are_linked(console: Console) -> None:
    made = {await console.put_aside(f"op_{n}") for n in range(5)}
    seen: list[str] = []
    path = "/v1/operations/dead-letters?limit=2&service=quota"
    while path:
        answer = await console.ask("GET", path)
        seen += [letter["id"] for letter in answer.json()["data"]]
        path = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
    assert (len(seen), set(seen)) == (5, made)
    assert await console.letters("?service=fans") == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/operations/standing"),
        ("GET", "/v1/operations/dead-letters"),
        ("POST", "/v1/operations/dead-letters/redrive"),
    ],
)
async def test_only_an_operator_may_look(console: Console, method: str, path: str) -> None:
    every_other = frozenset({"dm:read", "dm:manage", "account:manage"})
    headers = console.world.caller("org_own", every_other)
    body = {"letters": [{"service": "quota", "id": "evt_1"}]} if method == "POST" else None
    answer = await console.http.request(method, path, headers=headers, json=body)
    assert (answer.status_code, answer.json()["scope"]) == (403, "operations:manage")


async def test_the_standing_names_every_service_and_its_lanes(console: Console) -> None:
    await console.put_aside("op_1")
    found = (await console.ask("GET", "/v1/operations/standing")).json()
    assert found["redis"] == "ok"
    services = {service["name"]: service for service in found["services"]}
    assert set(services) == {"open_platform", "fans", "quota", "douyin", "direct_messages"}
    assert {service["database"] for service in services.values()} == {"ok"}
    assert services["quota"]["dead_letters"] == 1
    lanes = [lane["lane"] for lane in services["direct_messages"]["lanes"]]
    assert lanes == ["live", "people", "settled"]
