"""Walks the platform's pages until one of ours is full: theirs are smaller, and may be odd."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from services.douyin.actions.asking import Fields
from services.douyin.domain.refusals import PlatformBusy
from services.douyin.domain.webhooks.fields import number

MOST_PAGES: Final = 8  # of the platform's for one of ours, however few rows they have

_NO_PLACE: Final = 2**63  # beyond it, it is no number of the platform's


@dataclass(frozen=True, slots=True)
class Walked:
    """How a walk ended. `then`: where the next page begins; None: this was the last."""

    then: int | None
    last: Fields  # the answer that came last


@dataclass(frozen=True, slots=True)
class Walk:
    """A list of the platform's: the names of its fields, and how many rows it gives at once."""

    rows: str
    cursor: str
    most: int

    async def run(
        self, ask_page: Callable[[int, int], Awaitable[Fields]], begin: int, count: int
    ) -> Walked:
        """Walk over about so many rows from `begin` on: `ask_page` is given a place and a number of rows.

        Raises PlatformBusy when an answer has no list, or does not say where it goes on; and as `ask_page`.
        """
        left, fields = count, Fields()
        for _ in range(MOST_PAGES):
            fields = await ask_page(begin, min(self.most, left))
            listed = fields.get(self.rows)
            if not isinstance(listed, list):
                raise PlatformBusy("Douyin gave no list", reason="no_list")
            if fields.get("has_more") is not True:
                return Walked(None, fields)
            goes_on = number(fields.get(self.cursor))
            if goes_on is None or not begin < goes_on < _NO_PLACE:
                raise PlatformBusy("Douyin did not say where its list goes on", reason="no_cursor")
            begin, left = goes_on, left - len(listed)
            if left <= 0:
                break
        return Walked(begin, fields)
