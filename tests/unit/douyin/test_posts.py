"""What is news among videos and broadcasts, in whatever order and however often somebody looks."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.douyin.clients import Asking
from services.douyin.domain.posts import (
    FIRST_LOOK,
    LONGEST_LOOK,
    OVERLAP,
    Video,
    compare,
    is_news,
    pause_of,
    since,
)
from shared.http.client import OneTry

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ROOM = st.sampled_from("abcdef")


@given(st.lists(st.frozensets(ROOM, max_size=4).map(sorted), max_size=8))
def test_every_room_starts_once_and_ends_at_most_once(answers: list[list[str]]) -> None:
    known: set[str] = set()
    live: set[str] = set()
    ended: list[str] = []
    for answered in answers:
        news = compare(answered, known, live)
        assert not set(news.started) & known
        assert set(news.ended) <= live - set(answered)
        known |= set(news.started)
        live = (live | set(news.started)) - set(news.ended)
        ended += news.ended
        again = compare(answered, known, live)
        assert (again.started, again.ended) == ((), ()), "the same answer twice says nothing new"
    assert len(ended) == len(set(ended))


def test_a_video_from_before_the_first_look_is_no_news() -> None:
    began = NOW + timedelta(milliseconds=700)
    assert is_news(Video("@v==", None, NOW), began), "the platform counts seconds"
    assert not is_news(Video("@v==", None, NOW - timedelta(seconds=1)), began)


def test_addresses_in_the_clear_are_taken_from_a_platform_in_the_clear_only() -> None:
    assert Asking("https://open.example.com", OneTry()).schemes == ("https://",)
    assert "http://" in Asking("http://127.0.0.1:8100", OneTry()).schemes


def test_a_look_begins_where_the_last_one_ended_but_not_before_a_week() -> None:
    assert since(None, NOW) == NOW - FIRST_LOOK
    assert since(NOW - timedelta(minutes=5), NOW) == NOW - timedelta(minutes=5) - OVERLAP
    assert since(NOW - timedelta(days=40), NOW) == NOW - LONGEST_LOOK


def test_the_calls_of_a_day_are_enough_for_all_accounts_of_an_app() -> None:
    every = timedelta(minutes=5)
    assert pause_of(every, 1, 100_000) == every
    for accounts in (1, 10, 500):
        pause = pause_of(every, accounts, 1_000)
        assert pause is not None
        assert accounts * (timedelta(days=1) / pause) <= 1_000
    assert pause_of(every, 5, 0) is None
