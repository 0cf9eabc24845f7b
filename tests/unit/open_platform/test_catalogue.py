"""The public catalogue is a map from events between services, and nothing sealed can leave by it."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from services.embedded.openapi.events import every_event
from services.open_platform.domain.catalogue import CATALOGUE, EventType, content
from services.open_platform.service import SERVICE
from shared.contracts.routing import ROUTES, Hearer

SAMPLES: list[dict[str, Any]] = json.loads(
    Path("tests/contract/events/samples.json").read_text("utf-8")
)
CONTRACT = json.loads(Path("openapi/siyu.json").read_text("utf-8"))
PATHS = CONTRACT["paths"]
# what is not ids, words of ours and times: texts, contacts, whom the platform calls a fan
PERSONAL = {"contact", "text", "items", "open_id", "nickname", "phone", "wechat"}


def test_every_public_type_has_one_event_and_the_service_hears_it() -> None:
    assert sorted(entry.type for entry in CATALOGUE.values()) == sorted(EventType)
    for event_type in CATALOGUE:
        assert SERVICE.name in {hearer.service for hearer in ROUTES[event_type]}
    hooks = Hearer("open_platform", "hooks")
    assert {kind for kind, hearers in ROUTES.items() if hooks in hearers} <= set(CATALOGUE)


@pytest.mark.parametrize("event_type", CATALOGUE)
def test_what_leaves_is_known_and_nobodys_secret(event_type: str) -> None:
    model = next(event for event in every_event() if event.type == event_type)
    facts = CATALOGUE[event_type].facts
    assert set(facts) <= set(model.model_fields)
    assert not set(facts) & PERSONAL


@pytest.mark.parametrize("event_type", CATALOGUE)
def test_its_links_lead_to_calls_that_exist(event_type: str) -> None:
    sample = next(s for s in SAMPLES if s["type"] == event_type)
    entry = CATALOGUE[event_type]
    made = content(
        entry, "acc_1", "evt_1", {name: sample["data"].get(name) for name in entry.facts}
    )
    assert made["links"]
    assert "s1." not in json.dumps(made)
    for link in made["links"].values():
        path = link.partition("?")[0]
        known = (re.sub(r"\{\w+\}", "[^/]+", each) for each in PATHS)
        assert any(re.fullmatch(each, path) for each in known), path


def test_a_link_without_its_id_is_left_out() -> None:
    entry = CATALOGUE["direct_messages.rule_notified"]
    facts = {**dict.fromkeys(entry.facts), "message_id": "dm_1"}
    assert list(content(entry, "acc_1", "evt_1", facts)["links"]) == ["decision"]


@pytest.mark.parametrize("event_type", CATALOGUE)
def test_the_contract_describes_what_is_sent(event_type: str) -> None:
    sample = next(s for s in SAMPLES if s["type"] == event_type)
    entry = CATALOGUE[event_type]
    facts = {name: sample["data"].get(name) for name in entry.facts}
    sent = {
        "type": entry.type,
        "timestamp": "2026-01-31T09:00:00.123Z",
        "data": content(entry, "acc_1", "evt_1", facts),
    }
    operation = CONTRACT["webhooks"][entry.type]["post"]
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    shape = CONTRACT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    data = CONTRACT["components"]["schemas"][shape["properties"]["data"]["$ref"].rpartition("/")[2]]
    assert set(shape["required"]) == set(sent)
    assert set(data["required"]) == set(data["properties"]) == set(sent["data"])
    named = {parameter["name"] for parameter in operation["parameters"]}
    assert named == {"webhook-id", "webhook-timestamp", "webhook-signature"}
