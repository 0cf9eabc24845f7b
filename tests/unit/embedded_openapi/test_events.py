"""openapi/events.json says what travels."""

from datetime import UTC, datetime
from pathlib import Path

import orjson

from services.embedded.openapi.events import ENVELOPE, events_document, every_event
from shared.contracts.envelope import Envelope
from shared.contracts.routing import ROUTES

ROOT = Path(__file__).parents[3]


def test_every_event_that_is_routed_is_described() -> None:
    assert {event.type for event in every_event()} == set(ROUTES)
    assert set(events_document()["channels"]) == set(ROUTES)


def test_the_described_envelope_is_the_one_that_travels() -> None:
    at = datetime(2025, 1, 1, tzinfo=UTC)
    envelope = Envelope("evt_1", "a.b", 1, "org_1", "acc_1", "s", 1, "c", at, "t", {})
    assert set(orjson.loads(envelope.dump())) == {*ENVELOPE, "data"}


def test_an_event_that_nobody_hears_yet_says_for_whom_it_is() -> None:
    told = (ROOT / "services/README.md").read_text("utf-8")
    unheard = [kind.partition(".")[2] for kind, hearers in ROUTES.items() if not hearers]
    assert [fact for fact in unheard if f".{fact}`" not in told] == []
