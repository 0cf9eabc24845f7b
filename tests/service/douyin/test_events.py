"""Every event of the platform's catalogue, as it was recorded, becomes our event or says why not."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.douyin.domain.webhooks import Intake
from shared.contracts.routing import is_heard
from tests.service.douyin.conftest import ORGANIZATION, Connector

EXAMPLES: list[dict[str, Any]] = json.loads(
    Path("tests/contract/douyin/events.json").read_text("utf-8")
)


def opened(connector: Connector, value: Any) -> Any:
    """The value as it was before its texts were sealed."""
    if isinstance(value, dict):
        return {name: opened(connector, part) for name, part in value.items()}
    if isinstance(value, str) and value.startswith("s1."):
        return connector.world.resources.sealer.open(ORGANIZATION, value)
    return value


async def test_every_recorded_event_becomes_ours(quiet: Connector) -> None:
    for example in EXAMPLES:
        assert (await quiet.post(example["body"])).status_code == 200
    rows = await quiet.world.sql("SELECT * FROM douyin.inbound ORDER BY id")
    told = {event["cause"]: event for event in await quiet.events()}
    assert len(rows) == len(EXAMPLES)
    for row, example in zip(rows, EXAMPLES, strict=True):
        expect = example["expect"]
        assert (row["state"], row["reason"]) == (expect["state"], expect["reason"]), example
        event = told.get(row["id"])
        if row["state"] == Intake.STORED:
            assert event is None
            assert not is_heard(expect["type"])
            data = json.loads(row["reading"])
        else:
            assert row["reading"] is None
            assert (event and event["type"]) == expect["type"], example
            data = event and event["data"]
        expected = expect["data"] or {}
        found = {name: opened(quiet, (data or {})[name]) for name in expected}
        assert found == expected, example


@pytest.mark.parametrize("secret", ["好看", "粉丝甲", "群里好", "138****8000"])
async def test_what_people_said_is_sealed_in_readings_and_events(
    quiet: Connector, secret: str
) -> None:
    for example in EXAMPLES:
        await quiet.post(example["body"])
    kept = await quiet.world.sql("SELECT reading::text FROM douyin.inbound")
    sent = await quiet.world.sql("SELECT convert_from(envelope, 'UTF8') FROM douyin.outbox")
    assert not [text for (text,) in (*kept, *sent) if text and secret in text]


async def test_a_stored_event_that_comes_again_is_stored_once(quiet: Connector) -> None:
    joined = next(e["body"] for e in EXAMPLES if e["body"]["event"] == "group_fans_event")
    for _ in range(3):
        assert (await quiet.post(joined)).status_code == 200
    assert len(await quiet.world.sql("SELECT 1 FROM douyin.inbound")) == 1
