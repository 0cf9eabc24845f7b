"""A stored sample of every event still decodes: what was sent once may come out of an outbox later."""

import json
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.embedded.openapi.events import every_event
from shared.contracts.envelope import Envelope
from shared.contracts.routing import ROUTES

SAMPLES: list[dict[str, Any]] = json.loads(
    Path("tests/contract/events/samples.json").read_text("utf-8")
)
MODELS = {(event.type, event.version): event for event in every_event()}


def only(told: Any, stored: Any) -> Any:
    """What is told, without what was added since the sample was stored."""
    if isinstance(stored, dict):
        return {name: only(told[name], part) for name, part in stored.items()}
    if isinstance(stored, list):
        return [only(t, s) for t, s in zip(told, stored, strict=True)]
    return told


def test_every_event_has_a_sample() -> None:
    sampled = {(sample["type"], sample["version"]) for sample in SAMPLES}
    assert sampled == set(MODELS)
    assert {kind for kind, _ in sampled} == set(ROUTES)


@pytest.mark.parametrize("sample", SAMPLES, ids=(f"{n}-{s['type']}" for n, s in enumerate(SAMPLES)))
def test_a_sample_still_decodes_and_says_what_it_said(sample: dict[str, Any]) -> None:
    envelope = Envelope.load(orjson.dumps(sample))
    model = MODELS[envelope.type, envelope.version]
    told = model.model_validate(envelope.data).model_dump(mode="json")
    assert only(told, sample["data"]) == sample["data"]
