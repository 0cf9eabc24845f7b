"""The states of an attempt, when to try again, and the state of an account."""

from datetime import UTC, datetime, timedelta

import pytest

from services.douyin.domain.accounts import AccountState, Authorisation, account_state
from services.douyin.domain.attempts import (
    SETTLED,
    State,
    content_hash,
    may_move,
    next_try,
    sources,
)

MOVES = {
    (State.QUEUED, State.SENDING),
    (State.QUEUED, State.FAILED),
    (State.SENDING, State.QUEUED),
    (State.SENDING, State.SENT),
    (State.SENDING, State.FAILED),
    (State.SENDING, State.UNKNOWN),
    (State.UNKNOWN, State.SENT),
    (State.UNKNOWN, State.PRESUMED_NOT_SENT),
    (State.PRESUMED_NOT_SENT, State.SENT),
}
NOW = datetime(2025, 1, 1, tzinfo=UTC)


def test_only_these_moves_are_allowed() -> None:
    assert {(a, b) for a in State for b in State if may_move(a, b)} == MOVES


def test_nothing_leaves_sent_and_a_doubt_never_becomes_failed() -> None:
    assert not any(may_move(State.SENT, to) for to in State)
    assert not may_move(State.UNKNOWN, State.FAILED)
    assert not may_move(State.UNKNOWN, State.QUEUED)
    assert set(sources(State.SENT)) == {"sending", "unknown", "presumed_not_sent"}
    assert State.UNKNOWN not in SETTLED


def test_pauses_grow_and_end() -> None:
    pauses = [next_try(n) for n in range(1, 12)]
    waits = [p for p in pauses if p is not None]
    assert waits[:4] == [timedelta(seconds=s) for s in (0.5, 2, 5, 15)]
    assert waits == sorted(waits)
    assert pauses[len(waits) :] == [None] * (len(pauses) - len(waits))
    assert next_try(0) is None


def test_texts_that_read_the_same_have_one_hash() -> None:
    assert content_hash("text", "caf\u00e9") == content_hash("text", "cafe\u0301")
    assert content_hash("text", "您好") != content_hash("text", "您好 ")
    assert content_hash("text", "a") != content_hash("image", "a")
    assert len(content_hash("text", "\ud800")) == 32


@pytest.mark.parametrize(
    ("access", "refresh", "revoked", "state"),
    [
        (None, None, False, AccountState.PENDING),
        (timedelta(days=10), None, False, AccountState.ACTIVE),
        (timedelta(hours=72), None, False, AccountState.EXPIRING),
        (timedelta(0), None, False, AccountState.EXPIRED),
        (timedelta(hours=-1), timedelta(days=20), False, AccountState.ACTIVE),
        (timedelta(hours=-1), timedelta(hours=20), False, AccountState.EXPIRING),
        (timedelta(hours=20), timedelta(hours=-1), False, AccountState.EXPIRING),
        (timedelta(hours=-1), timedelta(hours=-1), False, AccountState.EXPIRED),
        (timedelta(days=10), timedelta(days=20), True, AccountState.REVOKED),
    ],
)
def test_an_account_lives_as_long_as_its_longest_token(
    access: timedelta | None, refresh: timedelta | None, revoked: bool, state: AccountState
) -> None:
    known = Authorisation(
        has_access=access is not None,
        access_expires_at=None if access is None else NOW + access,
        has_refresh=refresh is not None,
        refresh_expires_at=None if refresh is None else NOW + refresh,
        is_refused=False,
        is_revoked=revoked,
    )
    assert account_state(known, NOW) == state


def test_a_token_without_a_known_end_is_active() -> None:
    known = Authorisation(True, None, False, None, False, False)
    assert account_state(known, NOW) == AccountState.ACTIVE


@pytest.mark.parametrize(
    ("has_refresh", "state"), [(True, AccountState.ACTIVE), (False, AccountState.EXPIRED)]
)
def test_a_refused_token_ends_an_account_that_cannot_get_another(
    has_refresh: bool, state: AccountState
) -> None:
    known = Authorisation(True, None, has_refresh, None, True, False)
    assert account_state(known, NOW) == state
