"""A cursor works for the list, tenant and filter that it was made for, and for nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadRequest
from shared.http.pages import Cursors

CURSORS = Cursors(b"k" * 32)
PLACE = ["2024-02-10", "dm_1", 3]
GOOD = CURSORS.write(PLACE, "messages", "org_1")
LETTERS = st.characters(codec="ascii", categories=("L", "N"))


def test_a_cursor_is_read_for_its_own_list() -> None:
    assert CURSORS.read(GOOD, "messages", "org_1") == PLACE


@pytest.mark.parametrize(
    ("cursors", "belongs_to"),
    [
        (CURSORS, ("messages", "org_2")),
        (CURSORS, ("rules", "org_1")),
        (CURSORS, ("messages",)),
        (CURSORS, ("messages", "org_1", "filter")),
        (Cursors(b"x" * 32), ("messages", "org_1")),
    ],
)
def test_it_is_refused_for_everything_else(cursors: Cursors, belongs_to: tuple[str, ...]) -> None:
    with pytest.raises(BadRequest):
        cursors.read(GOOD, *belongs_to)


@given(st.integers(0, len(GOOD) - 2), LETTERS)
def test_a_changed_character_is_noticed(place: int, letter: str) -> None:
    changed = GOOD[:place] + letter + GOOD[place + 1 :]
    if changed != GOOD:
        with pytest.raises(BadRequest):
            CURSORS.read(changed, "messages", "org_1")


@given(st.text())
def test_any_text_is_refused_without_a_crash(text: str) -> None:
    with pytest.raises(BadRequest):
        CURSORS.read(text, "messages", "org_1")
