"""A rule set made ready for matching: one automaton for words, one set for patterns.

Compiled once a version. The cost of a match hardly depends on the number of rules.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import re2
from ahocorasick_rs import AhoCorasick

from services.direct_messages.domain.patterns import pattern_options
from services.direct_messages.domain.rules import Match, Rule, Trigger
from services.direct_messages.domain.texts import normalise

# A wish for a person outranks every other rule (domain.md §4.2, step 3), with or without a rule.
HAND_OFF_WORDS = ("人工", "转人工", "投诉", "退款")
_SET_BYTES = 16 << 20  # an upper bound that only hostile texts come near


class Step(IntEnum):
    """The steps of the precedence in which a message rule can match (domain.md §4.2)."""

    HAND_OFF = 3
    EXACT = 5
    CONTAINS = 6
    RE2 = 7
    DEFAULT = 9


_STEPS = {Match.EXACT: Step.EXACT, Match.CONTAINS: Step.CONTAINS, Match.RE2: Step.RE2}
_OTHER_TRIGGERS = {Trigger.DEFAULT: Step.DEFAULT, Trigger.ENTER: 10, Trigger.FOLLOW: 11}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule that matches, at which step and by what."""

    rule: Rule
    step: Step
    found: str  # the keyword or the pattern
    key: tuple[int, int, int]  # (step, longest first, place); the smallest fires


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """One version of an account's rules. Only rules that fire are in it."""

    version: int
    exact: dict[str, tuple[tuple[int, Rule], ...]]
    words: AhoCorasick | None
    owners: tuple[tuple[int, int, str, Rule], ...]  # word → length, place, keyword, rule
    patterns: Any  # re2.Set; the last member always matches
    pattern_rules: tuple[tuple[int, Rule], ...]
    by_trigger: dict[Trigger, tuple[Rule, ...]]  # enter, follow and default, the first one fires

    def first(self, trigger: Trigger) -> Rule | None:
        """The rule that fires on `trigger`."""
        rules = self.by_trigger.get(trigger)
        return rules[0] if rules else None

    def matches(self, text: str) -> list[Candidate]:
        """Everything that matches the normalised `text`, the one that fires first."""
        found = [
            _candidate(rule, Step.EXACT, text, len(text), place)
            for place, rule in self.exact.get(text, ())
        ]
        if self.words is not None:
            found += self._contained(text, self.words)
        if self.pattern_rules:
            found += [
                _candidate(rule, Step.RE2, rule.definition.pattern or "", 0, place)
                for place, rule in self._searched(text)
            ]
        if len(found) > 1:
            found.sort(key=_key)
        return found

    def _contained(self, text: str, words: AhoCorasick) -> Iterator[Candidate]:
        hits = {hit[0] for hit in words.find_matches_as_indexes(text, overlapping=True)}
        best: dict[int, tuple[int, str, Rule]] = {}  # place → the longest word of that rule
        for word in hits:
            length, place, keyword, rule = self.owners[word]
            if place not in best or best[place][0] < length:
                best[place] = (length, keyword, rule)
        for place, (length, keyword, rule) in best.items():
            yield _candidate(rule, Step.CONTAINS, keyword, length, place)

    def _searched(self, text: str) -> Iterable[tuple[int, Rule]]:
        hits = self.patterns.Match(text)
        if len(self.pattern_rules) in hits:
            return [self.pattern_rules[hit] for hit in hits if hit < len(self.pattern_rules)]
        # the set ran out of memory and says nothing at all: ask one pattern after the other
        options = pattern_options()
        return [
            (place, rule)
            for place, rule in self.pattern_rules
            if re2.search(rule.definition.pattern, text, options)
        ]


def _key(candidate: Candidate) -> tuple[int, int, int]:
    return candidate.key


def _candidate(rule: Rule, step: Step, found: str, length: int, place: int) -> Candidate:
    if rule.definition.hand_off:
        # it wins over all others; among its like the usual order of steps still decides
        key = (int(Step.HAND_OFF), step * 1000 - length, place)
        return Candidate(rule, Step.HAND_OFF, found, key)
    return Candidate(rule, step, found, (int(step), -length, place))


def asks_for_person(text: str) -> bool:
    """Whether the normalised text holds one of the hand-off words."""
    return any(word in text for word in HAND_OFF_WORDS)


def in_order(rules: Iterable[Rule]) -> list[Rule]:
    """Rules as they are asked: by step, then by priority, then the oldest."""
    return sorted(rules, key=lambda rule: (_step_of(rule), rule.place))


def _step_of(rule: Rule) -> int:
    definition = rule.definition
    if definition.trigger is not Trigger.MESSAGE:
        return _OTHER_TRIGGERS[definition.trigger]
    if definition.hand_off:
        return Step.HAND_OFF
    return _STEPS[definition.match or Match.EXACT]


def compile_rules(version: int, rules: Iterable[Rule]) -> CompiledRules:
    """Make a rule set ready. Every pattern in it must have passed `pattern_fault`."""
    placed = enumerate(sorted((r for r in rules if r.fires), key=lambda r: r.place))
    exact: dict[str, list[tuple[int, Rule]]] = defaultdict(list)
    by_trigger: dict[Trigger, list[Rule]] = defaultdict(list)
    words: list[tuple[int, int, str, Rule]] = []
    patterns: list[tuple[int, Rule]] = []
    for place, rule in placed:
        definition = rule.definition
        keywords = dict.fromkeys(normalise(keyword) for keyword in definition.keywords)
        if definition.match is Match.EXACT:
            for keyword in keywords:
                exact[keyword].append((place, rule))
        elif definition.match is Match.CONTAINS:
            words += [(len(keyword), place, keyword, rule) for keyword in keywords]
        elif definition.match is Match.RE2:
            patterns.append((place, rule))
        else:
            by_trigger[definition.trigger].append(rule)
    return CompiledRules(
        version=version,
        exact={keyword: tuple(found) for keyword, found in exact.items()},
        words=AhoCorasick([word[2] for word in words]) if words else None,
        owners=tuple(words),
        patterns=_pattern_set(patterns),
        pattern_rules=tuple(patterns),
        by_trigger={trigger: tuple(found) for trigger, found in by_trigger.items()},
    )


def _pattern_set(patterns: list[tuple[int, Rule]]) -> Any:
    options = pattern_options()
    options.max_mem = _SET_BYTES
    together = re2.Set.SearchSet(options)
    for _, rule in patterns:
        together.Add(rule.definition.pattern)
    together.Add("")  # matches everything: its absence tells that the set failed
    together.Compile()
    return together
