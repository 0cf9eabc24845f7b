"""A rule set made ready for matching: one automaton for words, one set for patterns.

Compiled once a version. The cost of a match hardly depends on the number of rules.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import re2
from ahocorasick_rs import AhoCorasick

from services.direct_messages.domain.characters import simplified
from services.direct_messages.domain.effects import flow_of
from services.direct_messages.domain.menus import Click, Menu, Way, menu_of
from services.direct_messages.domain.patterns import pattern_options
from services.direct_messages.domain.precedence import HAND_OFF_WORDS, Step, step_of
from services.direct_messages.domain.rules import Match, Rule, Trigger
from services.direct_messages.domain.texts import Form, Reading, is_mark, reading

_SET_BYTES: Final = 16 << 20  # an upper bound that only hostile texts come near


@dataclass(frozen=True, slots=True)
class Candidate:
    """A rule that matches, at which step and by what."""

    rule: Rule
    step: Step
    found: str  # the keyword, the pattern or the kind
    key: tuple[int, int, int]  # (step, longest first, place); the smallest fires
    fails: str | None = None  # the condition that does not hold
    way: Way | None = None  # of an entry of the menu: how it was called


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """One version of an account's rules. Only rules that fire are in it."""

    version: int
    form: Form
    exact: dict[str, tuple[tuple[int, Rule], ...]]
    words: AhoCorasick | None
    owners: tuple[tuple[int, int, str, Rule], ...]  # word → length, place, keyword, rule
    marks: tuple[tuple[int, int, str, Rule], ...]  # of nothing but what words leave out, as "?"
    patterns: Any  # re2.Set; the last member always matches
    pattern_rules: tuple[tuple[int, Rule], ...]
    wordless: tuple[Rule, ...]  # for messages, whatever they say
    menu: Menu
    flows: dict[str, Rule]  # rules that ask questions, by id
    by_trigger: dict[Trigger, tuple[Rule, ...]]  # everything but messages, the first one fires

    def matches(self, text: str) -> list[Candidate]:
        """Every rule whose words or pattern `text` holds, the one that fires first."""
        return self.matches_of(reading(text, self.form))

    def matches_of(self, said: Reading, level: int | None = None) -> list[Candidate]:
        """Every rule that matches what was said; `level` of the menu is what the fan sees of it."""
        words = said.words
        exactly = self.exact.get(words)
        if exactly is None and said.bare is not words:
            words = said.bare
            exactly = self.exact.get(words)
        found = [
            _candidate(rule, Step.EXACT, words, len(words), place) for place, rule in exactly or ()
        ]
        if self.menu.entries and (click := self.menu.picked(said, level)):
            found.append(called(click))
        if self.words is not None or self.marks:
            found += self._contained(said)
        if self.pattern_rules:
            found += [
                _candidate(rule, Step.RE2, rule.definition.pattern or "", 0, place)
                for place, rule in self._searched(said.plain)
            ]
        if len(found) > 1:
            found.sort(key=_key)
        return found

    def _contained(self, said: Reading) -> Iterator[Candidate]:
        hits = [mark for mark in self.marks if mark[2] in said.plain]
        if self.words is not None:
            # the same word of a second place is the same word
            numbers = {
                hit[0] for hit in self.words.find_matches_as_indexes(said.words, overlapping=True)
            }
            hits += [self.owners[number] for number in numbers]
        best: dict[int, tuple[int, str, Rule]] = {}  # place → the longest word of that rule
        for length, place, keyword, rule in hits:
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
            if re2.search(_pattern(rule, self.form), text, options)
        ]


def called(click: Click) -> Candidate:
    """The candidate that a called entry of the menu is."""
    entry = click.entry
    found = _candidate(entry.rule, Step.TAPPED, entry.label, 0, entry.place)
    return replace(found, way=click.way)


def _key(candidate: Candidate) -> tuple[int, int, int]:
    return candidate.key


def _candidate(rule: Rule, step: Step, found: str, length: int, place: int) -> Candidate:
    if rule.definition.hand_off:
        # it wins over all others; among its like the usual order of steps still decides
        key = (int(Step.HAND_OFF), step * 1000 - length, place)
        return Candidate(rule, Step.HAND_OFF, found, key)
    return Candidate(rule, step, found, (int(step), -length, place))


def asks_for_person(said: Reading) -> bool:
    """Whether it holds one of the hand-off words."""
    words = said.words
    return any(word in words for word in HAND_OFF_WORDS)


def in_order(rules: Iterable[Rule]) -> list[Rule]:
    """Rules as they are asked: by step, then by priority, then the oldest."""
    return sorted(rules, key=lambda rule: (step_of(rule), rule.place))


def compile_rules(version: int, rules: Iterable[Rule], form: Form = Form.CHINESE) -> CompiledRules:
    """Make a rule set ready. Every pattern in it must have passed `pattern_fault`."""
    placed = list(enumerate(sorted((r for r in rules if r.fires), key=lambda r: r.place)))
    exact: dict[str, list[tuple[int, Rule]]] = defaultdict(list)
    by_trigger: dict[Trigger, list[Rule]] = defaultdict(list)
    words: list[tuple[int, int, str, Rule]] = []
    marks: list[tuple[int, int, str, Rule]] = []
    patterns: list[tuple[int, Rule]] = []
    wordless: list[Rule] = []
    for place, rule in placed:
        definition = rule.definition
        keywords = dict.fromkeys(reading(keyword, form).words for keyword in definition.keywords)
        if definition.match is Match.EXACT:
            for keyword in keywords:
                exact[keyword].append((place, rule))
        elif definition.match is Match.CONTAINS:
            for keyword in keywords:
                kept = marks if is_mark(keyword, form) else words
                kept.append((len(keyword), place, keyword, rule))
        elif definition.match is Match.RE2:
            patterns.append((place, rule))
        elif definition.match is Match.ANY:
            wordless.append(rule)
        else:
            by_trigger[definition.trigger].append(rule)
    return CompiledRules(
        version=version,
        form=form,
        exact={keyword: tuple(found) for keyword, found in exact.items()},
        words=AhoCorasick([word[2] for word in words]) if words else None,
        owners=tuple(words),
        marks=tuple(marks),
        patterns=_pattern_set(patterns, form),
        pattern_rules=tuple(patterns),
        wordless=tuple(wordless),
        menu=menu_of(placed, form),
        flows={rule.id: rule for _, rule in placed if flow_of(rule.definition.effects)},
        by_trigger={trigger: tuple(found) for trigger, found in by_trigger.items()},
    )


def _pattern(rule: Rule, form: Form) -> str:
    pattern = rule.definition.pattern or ""
    return pattern if form is Form.PLAIN else simplified(pattern)


def _pattern_set(patterns: list[tuple[int, Rule]], form: Form) -> Any:
    options = pattern_options()
    options.max_mem = _SET_BYTES
    together = re2.Set.SearchSet(options)
    for _, rule in patterns:
        together.Add(_pattern(rule, form))
    together.Add("")  # matches everything: its absence tells that the set failed
    together.Compile()
    return together
