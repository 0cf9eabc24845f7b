"""Which rules may be saved, alone and together."""

from collections.abc import Iterable, Iterator

from services.direct_messages.domain.conditions import ALWAYS, OpenWindow
from services.direct_messages.domain.effects import AddTag, RemoveTag, Stop
from services.direct_messages.domain.items import (
    Fault,
    Item,
    JumpCardReply,
    QuestionCardReply,
    TextReply,
    item_faults,
    said_by_rule,
)
from services.direct_messages.domain.patterns import PROGRAMS_MAX, pattern_fault, program_size
from services.direct_messages.domain.policy import Policy
from services.direct_messages.domain.rules import Definition, Match, Mode, Rule, Trigger
from services.direct_messages.domain.texts import Form, normalise, reading


def faults(definition: Definition, policy: Policy) -> Iterator[Fault]:
    """Everything that is wrong with a definition under this policy."""
    yield from _trigger_faults(definition)
    yield from _keyword_faults(definition, policy)
    yield from _reply_faults(definition, policy)
    yield from _condition_faults(definition)
    yield from _effect_faults(definition, policy)
    if definition.pattern is not None and (reason := pattern_fault(definition.pattern)):
        yield Fault("#/pattern", reason)


def _trigger_faults(definition: Definition) -> Iterator[Fault]:
    has_pattern, has_keywords = definition.pattern is not None, bool(definition.keywords)
    if definition.trigger is not Trigger.MESSAGE:
        if definition.match or has_keywords or has_pattern or definition.kinds:
            detail = "match, keywords, pattern and kinds belong to the trigger message"
            yield Fault("#/trigger", detail)
    elif definition.match is None:
        yield Fault("#/match", "a rule for messages needs exact, contains, re2 or any")
    else:
        yield from _match_faults(definition)


def _match_faults(definition: Definition) -> Iterator[Fault]:
    has_pattern, has_keywords = definition.pattern is not None, bool(definition.keywords)
    if has_pattern is not (definition.match is Match.RE2):
        yield Fault("#/pattern", "match re2 needs a pattern, and only that one takes it")
    if has_keywords is not (definition.match in {Match.EXACT, Match.CONTAINS}):
        yield Fault("#/keywords", "exact and contains need keywords, and only those take them")
    if definition.kinds and definition.match is not Match.ANY:
        yield Fault("#/kinds", "kinds belong to match any")
    is_for_all = not definition.kinds and definition.conditions == ALWAYS
    if definition.match is Match.ANY and is_for_all:
        yield Fault("#/match", "any needs kinds or conditions; for every message there is default")


def _condition_faults(definition: Definition) -> Iterator[Fault]:
    wanted = definition.conditions
    for name in ("tags_any", "tags_none"):
        for number, tag in enumerate(getattr(wanted, name)):
            if not tag.strip():
                yield Fault(f"#/conditions/{name}/{number}", "must not be blank")
    if both := set(wanted.tags_any) & set(wanted.tags_none):
        yield Fault("#/conditions/tags_none", f"asked for and excluded: {min(both)}")
    if wanted.first_contact and wanted.window not in {None, OpenWindow.NONE}:
        yield Fault("#/conditions/window", "on first contact nothing could be answered before")


def _effect_faults(definition: Definition, policy: Policy) -> Iterator[Fault]:
    tags = [effect.tag for effect in definition.effects if isinstance(effect, AddTag)]
    if len(tags) > policy.tags_max:
        yield Fault("#/effects", f"at most {policy.tags_max} tags", "crm.max_tags_per_contact")
    for number, effect in enumerate(definition.effects):
        if isinstance(effect, AddTag | RemoveTag) and not effect.tag.strip():
            yield Fault(f"#/effects/{number}/tag", "must not be blank")
        if isinstance(effect, Stop) and definition.replies:
            yield Fault(f"#/effects/{number}", "a rule that stops sends nothing")


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
    fewest = 0 if definition.effects or definition.hand_off else 1
    if not fewest <= len(definition.replies) <= most:
        yield Fault("#/replies", f"{fewest} to {most} replies in mode {definition.mode}", key)
    for number, reply in enumerate(definition.replies):
        yield from item_faults(reply, policy, f"#/replies/{number}", said_by_rule(policy))
        if not (definition.claim_reason or "").strip():
            yield from _claim_faults(reply, policy, f"#/replies/{number}")


def _claim_faults(reply: Item, policy: Policy, place: str) -> Iterator[Fault]:
    """Absolute claims (Advertising Law 9) in what a rule says."""
    said: list[tuple[str, str]] = []
    match reply:
        case TextReply(text=text):
            said = [("text", text)]
        case QuestionCardReply(title=title, questions=questions):
            said = [("title", title)]
            said += [(f"questions/{number}", text) for number, text in enumerate(questions)]
        case JumpCardReply(title=title):
            said = [("title", title)]
        case _:
            return
    for name, text in said:
        words = reading(text, Form.CHINESE).words
        found = next((word for word in policy.absolute_words if word in words), None)
        if found is not None:
            detail = f"“{found}” is an absolute claim: say it otherwise, or give a claim_reason"
            yield Fault(f"{place}/{name}", detail, "content.absolute_words")


def set_fault(rules: Iterable[Rule]) -> Fault | None:
    """Why these rules may not stand together; None when they may."""
    patterns = (rule.definition.pattern for rule in rules if rule.definition.enabled)
    total = sum(program_size(pattern) for pattern in patterns if pattern is not None)
    if total <= PROGRAMS_MAX:
        return None
    return Fault("#/pattern", f"all patterns together are too complex: {total} of {PROGRAMS_MAX}")
