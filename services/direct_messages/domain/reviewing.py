"""What a rule set does that its author may not have meant: rules that never fire, words of two."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from services.direct_messages.domain.conditions import ALWAYS
from services.direct_messages.domain.matching import asks_for_person
from services.direct_messages.domain.menus import double, shown_levels
from services.direct_messages.domain.rules import Match, Rule, Trigger
from services.direct_messages.domain.texts import Form, Reading, reading


class Doubt(StrEnum):
    """What is doubtful about a rule."""

    UNREACHABLE = "unreachable"  # it can never fire
    OVERLAP = "overlap"  # another rule answers some of its words
    PAUSED = "paused"  # Siyu put it aside, because what it sends was refused


@dataclass(frozen=True, slots=True)
class Finding:
    """A doubt about one rule; `by` is the rule that stands in its way, none for a word of ours."""

    rule: Rule
    doubt: Doubt
    detail: str
    by: Rule | None = None


def review(rules: Iterable[Rule]) -> list[Finding]:
    """Every doubt about these rules together, in the order in which they are asked."""
    firing = sorted((rule for rule in rules if rule.fires), key=lambda rule: rule.place)
    paused = [rule for rule in rules if rule.paused is not None]
    found = [Finding(rule, Doubt.PAUSED, rule.paused or "") for rule in paused]
    found += _alone(firing)
    for match in (Match.EXACT, Match.CONTAINS, Match.RE2):
        found += _same_words([rule for rule in firing if rule.definition.match is match])
    for trigger in Trigger:
        if trigger not in {Trigger.MESSAGE, Trigger.MENU}:
            found += _only_first([r for r in firing if r.definition.trigger is trigger])
    return [*found, *_menu_doubts(firing)]


def _menu_doubts(rules: list[Rule]) -> Iterator[Finding]:
    """Entries of the menu behind another at their position, or on a level that nobody shows."""
    for position, wanting in double(rules).items():
        where = ".".join(map(str, position))
        for rule in wanting[1:]:
            detail = f"another rule stands at {where} of the menu"
            yield Finding(rule, Doubt.UNREACHABLE, detail, wanting[0])
    shown = shown_levels(rules)
    for rule in rules:
        place = rule.definition.menu
        level = place.position[0] if place and len(place.position) > 1 else 0
        if place and level not in shown:
            detail = f"no rule shows level {level} of the menu: only who knows the label finds it"
            yield Finding(rule, Doubt.OVERLAP, detail)


def _words(rule: Rule) -> list[str]:
    definition = rule.definition
    if definition.pattern is not None:
        return [definition.pattern]
    return list(dict.fromkeys(_read(keyword).words for keyword in definition.keywords))


def _read(keyword: str) -> Reading:
    return reading(keyword, Form.CHINESE)


def _alone(rules: list[Rule]) -> Iterator[Finding]:
    """Rules all of whose words ask for a person, and that do not hand over: the wish comes first."""
    for rule in rules:
        definition = rule.definition
        if not definition.keywords or definition.hand_off:
            continue
        if all(asks_for_person(_read(word)) for word in definition.keywords):
            detail = "who says these words is handed to a person before any rule is asked"
            yield Finding(rule, Doubt.UNREACHABLE, detail)


def _same_words(rules: list[Rule]) -> Iterator[Finding]:
    """Rules of one kind of match that wait for the same words: the first of them answers."""
    first: dict[str, Rule] = {}
    lost: dict[str, dict[str, Rule]] = defaultdict(dict)
    # a rule that hands over is asked before all others
    for rule in sorted(rules, key=lambda r: (not r.definition.hand_off, r.place)):
        for word in _words(rule):
            if word in first:
                lost[rule.id][word] = first[word]
            elif rule.definition.conditions is ALWAYS:  # else it leaves some fans to the others
                first[word] = rule
    for rule in (rule for rule in rules if rule.id in lost):
        taken = lost[rule.id]
        by = next(iter(taken.values()))
        names = "、".join(taken)
        if len(taken) == len(_words(rule)):
            yield Finding(
                rule, Doubt.UNREACHABLE, f"all its words are answered before: {names}", by
            )
        else:
            yield Finding(rule, Doubt.OVERLAP, f"answered by another rule: {names}", by)


def _only_first(rules: list[Rule]) -> Iterator[Finding]:
    """Rules behind one that always fires; each wait is asked about on its own."""
    always: dict[int | None, Rule] = {}
    for rule in rules:
        wait = rule.definition.after_minutes
        if first := always.get(wait):
            trigger = rule.definition.trigger
            detail = f"another rule for {trigger} is asked before and always fires"
            yield Finding(rule, Doubt.UNREACHABLE, detail, first)
        elif rule.definition.conditions is ALWAYS:
            always[wait] = rule
