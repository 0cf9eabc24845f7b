"""Which version a caller may change, and which one a reader has already."""

import pytest

from shared.errors import AppError, PreconditionFailed, PreconditionRequired
from shared.http.errors import language_of
from shared.http.versions import UNCONDITIONAL, Precondition, etag, is_known

TAGS = frozenset({'"3"'})


@pytest.mark.parametrize(
    ("precondition", "current", "refused"),
    [
        (UNCONDITIONAL, '"3"', None),
        (UNCONDITIONAL, None, None),
        (Precondition(TAGS), '"3"', None),
        (Precondition(TAGS), '"4"', PreconditionFailed),
        (Precondition(TAGS), None, PreconditionFailed),
        (Precondition(frozenset({"*"})), '"4"', None),
        (Precondition(frozenset({"*"})), None, PreconditionFailed),
        (Precondition(frozenset()), '"4"', PreconditionFailed),
        (Precondition(is_needed=True), '"3"', PreconditionRequired),
        (Precondition(is_needed=True), None, None),
        (Precondition(is_needed=True, is_new=True), None, None),
        (Precondition(is_needed=True, is_new=True), '"3"', PreconditionFailed),
    ],
)
def test_a_change_goes_through_only_on_the_version_it_is_based_on(
    precondition: Precondition, current: str | None, refused: type[AppError] | None
) -> None:
    if refused is None:
        precondition.check(current)
    else:
        with pytest.raises(refused):
            precondition.check(current)


@pytest.mark.parametrize(
    ("header", "known"),
    [
        (None, False),
        ("", False),
        ('"3"', True),
        ('W/"3"', True),
        ('"1", "3"', True),
        ('"33"', False),
        ("3", False),
        ("*", True),
    ],
)
def test_a_reader_who_has_the_version_is_recognised(header: str | None, known: bool) -> None:
    asked = {} if header is None else {"if-none-match": header}
    assert is_known(asked, etag(3)) is known


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-US,zh;q=0.9", "en"),
        ("en;q=0.3, zh-TW; q=0.7", "zh"),
        ("fr, zh;q=0.5", "zh"),
        ("zh;q=0", "en"),
        ("fr,*", "en"),
        (";;;,,q=zh", "en"),
    ],
)
def test_problems_speak_the_language_that_is_liked_best(accepted: str, language: str) -> None:
    assert language_of(accepted) == language
