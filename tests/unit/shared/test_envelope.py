"""An envelope arrives as it left."""

from datetime import UTC, datetime

import pytest

from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.fans import FollowChanged
from shared.contracts.routing import ROUTES, lanes_of

NOON = datetime(2024, 2, 10, 4, 0, tzinfo=UTC)


def an_envelope() -> Envelope:
    event = FollowChanged(open_id="fan", follows=True, observed_at=NOON, epoch=2)
    origin = Origin("org_1", "acc_1", "evt_cause", "00-1-2-01")
    return Envelope.of(event, origin, subject="fan", seq=7, at=NOON)


def test_an_envelope_arrives_as_it_left() -> None:
    sent = an_envelope()
    assert Envelope.load(sent.dump()) == sent
    assert FollowChanged.model_validate(sent.data).epoch == 2


def test_what_it_causes_inherits_its_origin() -> None:
    assert an_envelope().origin == Origin("org_1", "acc_1", "evt_cause", "00-1-2-01")
    assert an_envelope().sender == "fans"


def test_two_envelopes_of_one_event_are_two() -> None:
    assert an_envelope().id != an_envelope().id


@pytest.mark.parametrize("raw", [b"", b"\xff", b"[]", b"5", b"null", b"{}", b'{"id":5,"type":6}'])
def test_what_is_no_envelope_is_refused_with_one_of_three_errors(raw: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        Envelope.load(raw)


def test_whoever_hears_something_has_its_lane() -> None:
    for hearers in ROUTES.values():
        assert all(hearer.lane in lanes_of(hearer.service) for hearer in hearers)
        assert len({hearer.service for hearer in hearers}) == len(hearers), "one row a hearer"
