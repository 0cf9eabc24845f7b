"""Links that carry whose they are, what a withdrawal ends, and how long to leave the platform alone."""

from datetime import UTC, datetime, timedelta

import pytest

from services.douyin.domain.authorisations import (
    LinkNotValid,
    LinkState,
    Need,
    Report,
    Revoked,
    lapse,
    pause_after,
    read_state,
    withdrawal,
    write_state,
)

KEY = b"k" * 32
STATE = LinkState("org_1", "acc_1", "lnk_1", datetime(2025, 1, 1, tzinfo=UTC))


def test_a_state_comes_back_as_it_was_written() -> None:
    assert read_state(KEY, write_state(KEY, STATE)) == STATE


@pytest.mark.parametrize("place", range(0, 100, 7))
def test_a_state_with_one_letter_changed_is_nobodys(place: int) -> None:
    text = write_state(KEY, STATE)
    letter = "A" if text[place % len(text)] != "A" else "B"
    with pytest.raises(LinkNotValid):
        read_state(KEY, text[: place % len(text)] + letter + text[place % len(text) + 1 :])


@pytest.mark.parametrize(
    "text", ["", "x", "%%%", "秘密", "A" * 500, "=" * 8, write_state(b"x", STATE)]
)
def test_what_was_not_written_here_is_refused(text: str) -> None:
    with pytest.raises(LinkNotValid):
        read_state(KEY, text)


@pytest.mark.parametrize(
    ("report", "held", "named", "reason"),
    [
        (Report.WITHDREW, [], [], Revoked.WITHDRAWN),
        (Report.WITHDREW, [], ["fans.list"], Revoked.WITHDRAWN),
        (Report.WITHDREW, ["fans.list"], [], Revoked.WITHDRAWN),
        (Report.WITHDREW, ["fans.list"], ["fans.list", "user_info"], Revoked.WITHDRAWN),
        (Report.WITHDREW, ["fans.list", "user_info"], ["fans.list"], None),
        (Report.CONTRACT_WITHDREW, [], [], Revoked.CONTRACT_WITHDRAWN),
        (Report.CONTRACT_WITHDREW, [], ["im.direct_message.bind"], Revoked.CONTRACT_WITHDRAWN),
        (Report.CONTRACT_WITHDREW, [], ["im.group_message.bind"], None),
        (Report.AUTHORISED, [], [], None),
        (Report.CONTRACT_AUTHORISED, [], ["im.direct_message.bind"], None),
    ],
)
def test_only_what_takes_the_messages_away_stops_an_account(
    report: Report, held: list[str], named: list[str], reason: Revoked | None
) -> None:
    assert withdrawal(report, held, named) == reason


def test_a_lapse_names_what_is_missing() -> None:
    assert lapse(had_refresh=True, is_refused=False) == Need.REFRESH_TOKEN_EXPIRED
    assert lapse(had_refresh=False, is_refused=False) == Need.NO_REFRESH_TOKEN
    assert lapse(had_refresh=False, is_refused=True) == Need.TOKEN_REFUSED


def test_pauses_grow_and_end_at_ten_minutes() -> None:
    pauses = [pause_after(failures) / timedelta(seconds=1) for failures in range(12)]
    assert pauses == [20, 40, 80, 160, 320, *[600] * 7]
