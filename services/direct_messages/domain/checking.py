"""Which rules may be saved, alone and together."""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import timedelta

from services.direct_messages.domain.conditions import ALWAYS, OpenWindow
from services.direct_messages.domain.effects import (
    AddTag,
    Effect,
    NotifyWebhook,
    RemoveTag,
    SetStage,
    Stop,
)
from services.direct_messages.domain.flows import (
    CHOICES_MAX,
    EXPIRES_MAX,
    STEPS_MAX,
    Expects,
    StartFlow,
    Step,
    asked,
)
from services.direct_messages.domain.items import (
    Fault,
    JumpCardReply,
    MenuReply,
    QuestionCardReply,
    Reply,
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
    yield from _menu_faults(definition, policy)
    yield from _wait_faults(definition, policy)
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


def _menu_faults(definition: Definition, policy: Policy) -> Iterator[Fault]:
    place, room = definition.menu, policy.menu
    if (place is not None) is not (definition.trigger is Trigger.MENU):
        yield Fault(
            "#/menu", "the trigger menu needs a place in the menu, and only that one takes it"
        )
    if place is None:
        return
    if not 1 <= len(place.position) <= room.levels:
        yield Fault("#/menu/position", f"at most {room.levels} levels", "dm.menu.max_levels")
        return
    for level, number in enumerate(place.position):
        if not 1 <= number <= room.entries[level]:
            key = f"dm.menu.level{level + 1}_max"
            yield Fault(f"#/menu/position/{level}", f"1 to {room.entries[level]}", key)
    level = len(place.position) - 1
    if not reading(place.label, Form.CHINESE).words.strip():
        yield Fault("#/menu/label", "must not be blank")
    elif len(place.label) > room.chars[level]:
        detail = f"at most {room.chars[level]} characters on level {level + 1}"
        yield Fault("#/menu/label", detail, f"dm.menu.level{level + 1}_label")


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
    kinds = Counter(type(effect) for effect in definition.effects)
    if kinds[AddTag] > policy.tags_max:
        yield Fault("#/effects", f"at most {policy.tags_max} tags", "crm.max_tags_per_contact")
    if kinds[NotifyWebhook] > 1:
        yield Fault("#/effects", "a rule notifies webhooks once")
    if kinds[SetStage] > 1:
        yield Fault("#/effects", "a lead goes to one stage")
    if kinds[Stop] and definition.replies:
        place = next(n for n, effect in enumerate(definition.effects) if isinstance(effect, Stop))
        yield Fault(f"#/effects/{place}", "a rule that stops sends nothing")
    for number, effect in enumerate(definition.effects):
        yield from _one_effect_faults(effect, policy, f"#/effects/{number}")


def _one_effect_faults(effect: Effect, policy: Policy, place: str) -> Iterator[Fault]:
    match effect:
        case AddTag(tag=tag) | RemoveTag(tag=tag) if not tag.strip():
            yield Fault(f"{place}/tag", "must not be blank")
        case NotifyWebhook(label=str(label)) if not label.strip():
            yield Fault(f"{place}/label", "must not be blank")
        case SetStage(stage=stage, reason=reason) if stage.needs_reason is (reason is None):
            wanted = "needs a" if stage.needs_reason else "takes no"
            yield Fault(f"{place}/reason", f"{stage} {wanted} reason")
        case StartFlow():
            yield from _flow_faults(effect, policy, place)
        case _:
            pass


def _flow_faults(flow: StartFlow, policy: Policy, place: str) -> Iterator[Fault]:
    if not 1 <= len(flow.steps) <= STEPS_MAX:
        yield Fault(f"{place}/steps", f"1 to {STEPS_MAX} questions")
    if not 1 <= flow.expires_minutes <= EXPIRES_MAX:
        yield Fault(f"{place}/expires_minutes", f"1 to {EXPIRES_MAX} minutes")
    if not 1 <= flow.tries <= STEPS_MAX:
        yield Fault(f"{place}/tries", f"1 to {STEPS_MAX}")
    for fault in item_faults(TextReply(flow.done), policy, "", said_by_rule(policy)):
        yield Fault(f"{place}/done", fault.detail, fault.policy_key)
    for number, step in enumerate(flow.steps):
        yield from _step_faults(step, number, len(flow.steps), policy, f"{place}/steps/{number}")


def _step_faults(
    step: Step, number: int, steps: int, policy: Policy, place: str
) -> Iterator[Fault]:
    if not step.field.strip():
        yield Fault(f"{place}/field", "must not be blank")
    said = (
        ("question", asked(step)),
        ("hint", step.hint if step.hint is not None else step.question),
    )
    for name, text in said:
        for fault in item_faults(TextReply(text), policy, "", said_by_rule(policy)):
            yield Fault(f"{place}/{name}", fault.detail, fault.policy_key)
    wanted = 2 if step.expects is Expects.CHOICE else 0
    most = CHOICES_MAX if wanted else 0
    if not wanted <= len(step.choices) <= most:
        detail = f"expects {step.expects} takes {wanted} to {most} choices"
        yield Fault(f"{place}/choices", detail)
    for spot, choice in enumerate(step.choices):
        if not reading(choice.label, Form.CHINESE).words.strip():
            yield Fault(f"{place}/choices/{spot}/label", "must not be blank")
        if choice.then is not None and choice.then != -1 and not number < choice.then < steps:
            detail = "a step that comes later, or -1 for the end"
            yield Fault(f"{place}/choices/{spot}/then", detail)


def _wait_faults(definition: Definition, policy: Policy) -> Iterator[Fault]:
    after = definition.after_minutes
    if (after is not None) is not (definition.trigger is Trigger.NO_ANSWER):
        detail = "the trigger no_answer needs the minutes of waiting, and only that one takes them"
        yield Fault("#/after_minutes", detail)
        return
    bounds = (
        (policy.reply_context, "dm.reply.msg_id_valid_hours"),
        (policy.people.pool_after, "sla.pool_hours"),
    )
    longest, key = min(bounds)
    if after is not None and not timedelta(0) < timedelta(minutes=after) < longest:
        most = int(longest / timedelta(minutes=1)) - 1
        yield Fault("#/after_minutes", f"1 to {most}: later nobody waits or may be answered", key)


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
    flows = [effect for effect in definition.effects if isinstance(effect, StartFlow)]
    if flows and (len(flows) > 1 or definition.hand_off):
        yield Fault("#/effects", "a rule starts one flow, or hands over")
    sent = len(definition.replies) if definition.mode is Mode.ALL else 1
    if flows and sent >= policy.items_per_firing:
        key = "dm.auto_reply.items_per_firing"
        yield Fault("#/replies", "the first question of the flow needs room", key)
    for number, reply in enumerate(definition.replies):
        yield from item_faults(reply, policy, f"#/replies/{number}", said_by_rule(policy))
        if not (definition.claim_reason or "").strip():
            yield from _claim_faults(reply, policy, f"#/replies/{number}")


def _claim_faults(reply: Reply, policy: Policy, place: str) -> Iterator[Fault]:
    """Absolute claims (Advertising Law 9) in what a rule says."""
    said: list[tuple[str, str]] = []
    match reply:
        case TextReply(text=text):
            said = [("text", text)]
        case QuestionCardReply(title=title, questions=questions):
            said = [("title", title)]
            said += [(f"questions/{number}", text) for number, text in enumerate(questions)]
        case JumpCardReply(title=title) | MenuReply(title=title):
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
