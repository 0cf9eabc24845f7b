"""Webhooks that were stored and not told stand among the dead letters, and are told when a person says so."""

from typing import Any

from services.open_platform.actions import accounts
from services.open_platform.service import deps_of
from shared.contracts.envelope import Envelope
from tests.service.console.conftest import OTHER, Console
from tests.service.douyin.conftest import FAN, KEY, OPEN_ID, Connector
from tests.service.douyin.platform import ScriptedPlatform

YEARS_AGO_MS = 1681799848725
WEBHOOKS = "douyin.inbound"


async def a_shop(console: Console) -> tuple[Connector, str]:
    """A connector whose app takes nothing older than three days; whose it is."""
    world = console.world
    organization = (await accounts.create_organization(deps_of(world.resources), "青禾")).id
    headers = world.caller(organization)
    made = await world.http.post("/v1/accounts", json={"name": "旗舰店"}, headers=headers)
    await world.drain()
    connector = Connector(world, ScriptedPlatform())
    await connector.put_app(organization=organization)
    await connector.bind(made.json()["id"], organization=organization)
    await world.sql("UPDATE douyin.app SET max_event_age_hours = 72")
    return connector, organization


async def says(connector: Connector, **content: Any) -> None:
    said = {
        "conversation_short_id": "@conv001==",
        "server_message_id": "@m1==",
        "conversation_type": 1,
        "create_time": YEARS_AGO_MS,
        "message_type": "text",
        "source": "",
        "text": "多少钱",
    }
    event = {"event": "im_receive_msg", "client_key": KEY, "from_user_id": FAN}
    body = {**event, "to_user_id": OPEN_ID, "content": said | content}
    assert (await connector.post(body)).status_code == 200


async def told(console: Console) -> list[Envelope]:
    rows = await console.world.sql("SELECT envelope FROM douyin.outbox ORDER BY id")
    envelopes = [Envelope.load(bytes(row[0])) for row in rows]
    return [one for one in envelopes if one.type == "douyin.message_received"]


async def test_a_webhook_that_was_too_old_is_told_once_a_person_says_so(console: Console) -> None:
    connector, organization = await a_shop(console)
    await says(connector)
    assert await told(console) == []
    (letter,) = await console.letters(by=organization)
    assert (letter["service"], letter["type"], letter["reason"]) == (
        WEBHOOKS,
        "im_receive_msg",
        "too_old",
    )
    assert letter["cause"] == letter["id"]
    assert await console.letters(by=OTHER) == []
    assert await console.redrive(letter["id"], by=OTHER, service=WEBHOOKS) == [("not_found", "")]

    assert await console.redrive(letter["id"], by=organization, service=WEBHOOKS) == [
        ("handled", "")
    ]
    again = await console.redrive(letter["id"], by=organization, service=WEBHOOKS)
    assert again == [("not_found", "")], "told once"
    assert [one.cause for one in await told(console)] == [letter["id"]]
    assert await console.letters(by=organization) == []


async def test_a_webhook_that_nobody_can_read_stays_and_says_why(console: Console) -> None:
    connector, organization = await a_shop(console)
    await says(connector, create_time="soon")
    (letter,) = await console.letters(by=organization)
    redriven = await console.redrive(letter["id"], by=organization, service=WEBHOOKS)
    assert redriven == [("failed_again", "malformed:create_time")]
    assert [one["id"] for one in await console.letters(by=organization)] == [letter["id"]]
    standing = (await console.ask("GET", "/v1/operations/standing", by=organization)).json()
    counts = {service["name"]: service["dead_letters"] for service in standing["services"]}
    assert counts["douyin"] == 1
