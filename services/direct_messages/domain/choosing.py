"""Which of the rules that match may fire, by their conditions, and which of its replies one sends."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from services.direct_messages.domain.cases import Case
from services.direct_messages.domain.conditions import ALWAYS, Conditions, Hours, OpenWindow, Tier
from services.direct_messages.domain.conversations import (
    Conversation,
    Scene,
    Source,
    newest_context,
)
from services.direct_messages.domain.items import Reply
from services.direct_messages.domain.matching import Candidate
from services.direct_messages.domain.precedence import Step
from services.direct_messages.domain.rules import MessageKind, Mode, Rule

# what the platform calls a file from the fan's own telephone is the same thing
_KINDS: Final = {
    "text": MessageKind.TEXT,
    "image": MessageKind.IMAGE,
    "user_local_image": MessageKind.IMAGE,
    "emoji": MessageKind.EMOJI,
    "video": MessageKind.VIDEO,
    "user_local_video": MessageKind.VIDEO,
}


def judged(found: list[Candidate], at: Case) -> list[Candidate]:
    """The candidates, each with the condition that does not hold."""
    if all(candidate.rule.definition.conditions is ALWAYS for candidate in found):
        return found
    return [_judged(candidate, at) for candidate in found]


def _judged(candidate: Candidate, at: Case) -> Candidate:
    wanted = candidate.rule.definition.conditions
    if wanted is ALWAYS:
        return candidate
    return replace(candidate, fails=failing(candidate.rule.id, wanted, at))


def firing(found: Iterable[Candidate]) -> Candidate | None:
    """The first one that may fire."""
    return next((candidate for candidate in found if candidate.fails is None), None)


def candidates_of(rules: Iterable[Rule], step: Step, at: Case) -> list[Candidate]:
    """Rules without words, in their order, up to the first that may fire."""
    found = []
    for place, rule in enumerate(rules):
        trigger = rule.definition.trigger.value
        one = _judged(Candidate(rule, step, trigger, (int(step), 0, place)), at)
        found.append(one)
        if one.fails is None:
            break
    return found


def wordless_of(at: Case) -> Iterator[Candidate]:
    """The rules for messages of this kind whatever they say, each judged when it is asked for."""
    kind = _KINDS.get(at.inbound.kind, MessageKind.OTHER)
    for place, rule in enumerate(at.rules.wordless):
        kinds = rule.definition.kinds
        if not kinds or kind in kinds:
            yield _judged(Candidate(rule, Step.GREETING, kind, (int(Step.GREETING), 0, place)), at)


def chosen(rule: Rule, seed: str, most: int) -> tuple[Reply, ...]:
    """The replies that `rule` sends under `seed`."""
    replies = rule.definition.replies
    if rule.definition.mode is Mode.ALL or not replies:
        return replies[:most]
    number = int.from_bytes(hashlib.blake2s(f"{rule.id}|{seed}".encode(), digest_size=8).digest())
    return (replies[number % len(replies)],)


def failing(rule_id: str, wanted: Conditions, at: Case) -> str | None:
    """The first condition that does not hold, by its name; None when all hold."""
    talk = at.conversation
    checks = (
        ("follows", wanted.follows is None or bool(at.facts.follows) is wanted.follows),
        ("first_contact", wanted.first_contact in {None, _is_first(talk)}),
        ("started_by", wanted.started_by in {None, talk.started_by}),
        ("window", wanted.window is None or _window(at) is wanted.window),
        ("hours", wanted.hours is None or _hours(at) is wanted.hours),
        ("tags_any", not wanted.tags_any or not talk.tags_are_apart(wanted.tags_any)),
        ("tags_none", talk.tags_are_apart(wanted.tags_none)),
        ("tiers", not wanted.tiers or (at.facts.tier or Tier.NONE) in wanted.tiers),
        ("sources", not wanted.sources or _source(at) in wanted.sources),
        ("share", wanted.share is None or _draw(rule_id, talk.fan_open_id) < wanted.share),
    )
    return next((name for name, holds in checks if not holds), None)


def _source(at: Case) -> Source:
    return at.inbound.source or at.conversation.source or Source.MESSAGE


def _is_first(talk: Conversation) -> bool:
    return talk.last_inbound_at is None and talk.entered_at is None


def _window(at: Case) -> OpenWindow:
    context = newest_context(at.conversation, at.policy, at.now)
    if context is None:
        return OpenWindow.NONE
    return OpenWindow.REPLY if context.scene is Scene.REPLY else OpenWindow.ENTER


def _hours(at: Case) -> Hours:
    return Hours.OPEN if at.policy.calendar.is_open(at.now) else Hours.CLOSED


def _draw(rule_id: str, fan_open_id: str) -> int:
    """A number from 0 to 99 that is always the same for a fan and a rule."""
    drawn = hashlib.blake2s(f"{rule_id}|{fan_open_id}".encode(), digest_size=8).digest()
    return int.from_bytes(drawn) % 100
