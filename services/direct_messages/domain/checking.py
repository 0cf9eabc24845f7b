"""Which rules may be saved, alone and together."""

from collections.abc import Iterable, Iterator

from services.direct_messages.domain.items import Fault, item_faults, said_by_rule
from services.direct_messages.domain.patterns import PROGRAMS_MAX, pattern_fault, program_size
from services.direct_messages.domain.policy import Policy
from services.direct_messages.domain.rules import Definition, Match, Mode, Rule, Trigger
from services.direct_messages.domain.texts import normalise


def faults(definition: Definition, policy: Policy) -> Iterator[Fault]:
    """Everything that is wrong with a definition under this policy."""
    yield from _trigger_faults(definition)
    yield from _keyword_faults(definition, policy)
    yield from _reply_faults(definition, policy)
    if definition.pattern is not None and (reason := pattern_fault(definition.pattern)):
        yield Fault("#/pattern", reason)


def _trigger_faults(definition: Definition) -> Iterator[Fault]:
    has_pattern, has_keywords = definition.pattern is not None, bool(definition.keywords)
    if definition.trigger is not Trigger.MESSAGE:
        if definition.match or has_keywords or has_pattern:
            yield Fault("#/trigger", "match, keywords and pattern belong to the trigger message")
    elif definition.match is None:
        yield Fault("#/match", "a rule for messages needs exact, contains or re2")
    else:
        wants_pattern = definition.match is Match.RE2
        if has_pattern is not wants_pattern:
            yield Fault("#/pattern", "match re2 needs a pattern, and only that one takes it")
        if has_keywords is wants_pattern:
            yield Fault("#/keywords", "exact and contains need keywords, and only those take them")


def _keyword_faults(definition: Definition, policy: Policy) -> Iterator[Fault]:
    if len(definition.keywords) > policy.keywords_max:
        most = f"at most {policy.keywords_max} keywords"
        yield Fault("#/keywords", most, "dm.auto_reply.keywords_per_rule")
    for number, keyword in enumerate(definition.keywords):
        if not normalise(keyword):
            yield Fault(f"#/keywords/{number}", "must not be blank")
        elif len(keyword) > policy.keyword_chars:
            most = f"at most {policy.keyword_chars} characters"
            yield Fault(f"#/keywords/{number}", most, "dm.auto_reply.keyword_max_chars")


def _reply_faults(definition: Definition, policy: Policy) -> Iterator[Fault]:
    most, key = policy.replies_max, "dm.auto_reply.replies_per_rule"
    if definition.mode is Mode.ALL:
        most, key = policy.items_per_firing, "dm.auto_reply.items_per_firing"
    if not 1 <= len(definition.replies) <= most:
        yield Fault("#/replies", f"1 to {most} replies in mode {definition.mode}", key)
    for number, reply in enumerate(definition.replies):
        yield from item_faults(reply, policy, f"#/replies/{number}", said_by_rule(policy))


def set_fault(rules: Iterable[Rule]) -> Fault | None:
    """Why these rules may not stand together; None when they may."""
    patterns = (rule.definition.pattern for rule in rules if rule.definition.enabled)
    total = sum(program_size(pattern) for pattern in patterns if pattern is not None)
    if total <= PROGRAMS_MAX:
        return None
    return Fault("#/pattern", f"all patterns together are too complex: {total} of {PROGRAMS_MAX}")
