"""The menu: rules that fans call by an entry's label or number. Two levels, shown as cards or texts.

An entry is a rule with the trigger `menu`, so it is drafted, published, counted and explained as every
other rule. An item of the kind `menu` shows a level; the conversation remembers which it showed last.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from services.direct_messages.domain.items import Item, MenuReply, QuestionCardReply, TextReply
from services.direct_messages.domain.policy import Policy
from services.direct_messages.domain.rules import Rule, Trigger
from services.direct_messages.domain.texts import Form, Reading, reading

Position = tuple[int, ...]  # (2,) is the second entry of the first level, (2, 1) the first below it

_NUMBERS: Final = {one: number for number, one in enumerate("一二三四五六七八九", 1)}
_NUMBER: Final = re.compile(r"(?:我?选|第)?([1-9一二三四五六七八九])(?:个|项|号)?")
_NEAR_CHARS: Final = 3  # a shorter label with one wrong character is another word


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as fans see it, and the rule that answers it. `place` is the rule's among its like."""

    position: Position
    label: str
    words: str
    place: int
    rule: Rule

    @property
    def level(self) -> int:
        """0 is the first level, else the number of the entry above."""
        return self.position[0] if len(self.position) > 1 else 0


class Way(StrEnum):
    """How a fan called an entry. A tap comes as the entry's label: nothing tells it from the words typed."""

    LABEL = "label"
    NUMBER = "number"
    NEAR = "near"  # something that is nearly the label


@dataclass(frozen=True, slots=True)
class Click:
    """An entry that a fan called."""

    entry: Entry
    way: Way


@dataclass(frozen=True, slots=True)
class Menu:
    """The entries that can be shown, in their order."""

    entries: tuple[Entry, ...] = ()

    def at(self, level: int) -> list[Entry]:
        """The entries of one level."""
        return [entry for entry in self.entries if entry.level == level]

    def shown(self, reply: MenuReply, policy: Policy) -> Item:
        """What the fan gets of a level: a card to tap, or numbered lines to answer."""
        entries = self.at(reply.level)
        labels = tuple(entry.label for entry in entries)
        if reply.form == "card" and 1 <= len(labels) <= policy.questions_max:
            return QuestionCardReply(reply.title, labels)
        lines = [f"{entry.position[-1]}. {entry.label}" for entry in entries]
        return TextReply("\n".join([reply.title, *lines]))

    def picked(self, said: Reading, level: int | None) -> Click | None:
        """The entry that was tapped or named; a number counts on the level that was shown last."""
        named = [entry for entry in self.entries if entry.words in {said.words, said.bare}]
        if named:
            at_hand = next((entry for entry in named if entry.level == level), named[0])
            return Click(at_hand, Way.LABEL)
        number = _NUMBER.fullmatch(said.words)
        if level is None or number is None:
            return None
        wanted = _NUMBERS.get(number.group(1)) or int(number.group(1))
        found = (entry for entry in self.at(level) if entry.position[-1] == wanted)
        return next((Click(entry, Way.NUMBER) for entry in found), None)

    def near(self, said: Reading, level: int) -> Click | None:
        """The one entry of the shown level that was probably meant; None if none or several were."""
        meant = [entry for entry in self.at(level) if _is_near(entry.words, said.words)]
        return Click(meant[0], Way.NEAR) if len(meant) == 1 else None


def menu_of(placed: Iterable[tuple[int, Rule]], form: Form) -> Menu:
    """The menu of these rules, each with its place; of two at one position, the first."""
    found: dict[Position, Entry] = {}
    for place, rule in placed:
        spot = rule.definition.menu
        if rule.definition.trigger is Trigger.MENU and spot is not None:
            words = reading(spot.label, form).words
            entry = Entry(spot.position, spot.label, words, place, rule)
            found.setdefault(spot.position, entry)
    return Menu(tuple(found[position] for position in sorted(found)))


def double(rules: Iterable[Rule]) -> dict[Position, list[Rule]]:
    """Positions that several rules want, with those rules in their order."""
    at: dict[Position, list[Rule]] = defaultdict(list)
    for rule in sorted(rules, key=lambda rule: rule.place):
        if rule.fires and rule.definition.menu is not None:
            at[rule.definition.menu.position].append(rule)
    return {position: found for position, found in at.items() if len(found) > 1}


def shown_levels(rules: Iterable[Rule]) -> set[int]:
    """The levels that some rule shows."""
    replies = (reply for rule in rules if rule.fires for reply in rule.definition.replies)
    return {reply.level for reply in replies if isinstance(reply, MenuReply)}


def _is_near(label: str, said: str) -> bool:
    if min(len(label), len(said)) > 1 and (label in said or said in label):
        return True
    return len(label) >= _NEAR_CHARS and _is_one_apart(label, said)


def _is_one_apart(one: str, two: str) -> bool:
    """Whether one character more, less or other makes them equal."""
    if abs(len(one) - len(two)) > 1:
        return False
    start = next((n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), None)
    if start is None:
        return True
    rest, other = one[start:], two[start:]
    return rest[1:] == other[1:] or rest == other[1:] or rest[1:] == other
