"""openapi/events.json says what travels."""

from datetime import UTC, datetime

import orjson

from services.embedded.openapi.events import ENVELOPE, events_document, every_event
from shared.contracts.envelope import Envelope
from shared.contracts.routing import ROUTES


def test_every_event_that_is_routed_is_described() -> None:
    assert {event.type for event in every_event()} == set(ROUTES)
    assert set(events_document()["channels"]) == set(ROUTES)


def test_the_described_envelope_is_the_one_that_travels() -> None:
    at = datetime(2025, 1, 1, tzinfo=UTC)
    envelope = Envelope("evt_1", "a.b", 1, "org_1", "acc_1", "s", 1, "c", at, "t", {})
    assert set(orjson.loads(envelope.dump())) == {*ENVELOPE, "data"}
