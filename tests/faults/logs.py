"""What no log may ever tell, whatever breaks: what fans and people wrote, their numbers, and secrets.

An error that quotes the row, or the request, in which it happened is how that would come about.
"""

import json
import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path

from tests.e2e.wire import DEMO
from tests.faults.lab import Lab
from tests.faults.members import MASTER_KEY
from tests.faults.people import SAYS
from tests.faults.stories import PHONE
from tests.faults.tenants import OTHER, REPLIES
from tests.faults.traffic import PHRASES, History

_PLACE = re.compile(r"\{.*?\}")  # of the number in a phrase
_LEAST = 4  # characters that nobody else would write
_PHONE = re.compile(r"1\d{10}")


def logs_of(lab: Lab) -> list[Path]:
    """Of every process that the lab started."""
    return [
        path
        for part in ("logs", "postgres", "valkey")
        for path in (lab.folder / part).glob("*.log")
    ]


def words_of(lab: Lab) -> set[str]:
    """Pieces of everything that is written in a run, and its secrets."""
    pieces = {piece.strip() for phrase in PHRASES.values() for piece in _PLACE.split(phrase)}
    lines = {
        line for shop in REPLIES.values() for text in shop.values() for line in text.split("\n")
    }
    long_ones = {words for words in pieces | lines if len(words) >= _LEAST}
    return {*long_ones, SAYS, DEMO.secret, OTHER.secret, MASTER_KEY, *lab.keys.values()}


def numbers_of(history: History) -> set[str]:
    """The phone numbers that fans left."""
    return {said.inbound.text for said in history.said.values() if said.rule == PHONE}


def nothing_told(
    logs: Iterable[Path], words: Iterable[str], numbers: AbstractSet[str]
) -> Iterator[str]:
    """I9: no log holds one of these, as it is or as JSON writes it."""
    for log in logs:
        text = log.read_text("utf-8", "replace")
        told = [one for one in words if one in text or json.dumps(one)[1:-1] in text]
        told += sorted(numbers & set(_PHONE.findall(text)))
        if told:
            yield f"I9 {log.name} tells what nobody may read there, as {told[0]!r}"
