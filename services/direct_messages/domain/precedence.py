"""Who answers first: the one table of precedence, and where a rule stands in it."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from services.direct_messages.domain.rules import Match, Rule, Trigger

# A wish for a person outranks every other rule, with or without a rule of its own.
HAND_OFF_WORDS: Final = ("人工", "转人工", "投诉", "退款")


class Step(IntEnum):
    """The steps at which a rule can fire; a lower one comes first, at most one rule fires."""

    HAND_OFF = 3
    TAPPED = 4
    EXACT = 5
    CONTAINS = 6
    RE2 = 7
    GREETING = 8
    DEFAULT = 9


@dataclass(frozen=True, slots=True)
class Rank:
    """One row of the table."""

    step: int
    name: str
    says: str
    says_zh: str


TABLE: Final = (
    Rank(
        1,
        "loop_guard",
        "Too many messages or automatic answers in a minute: nobody is answered, a person takes over.",
        "一分钟内消息或自动回复过多：不再回复，转人工。",
    ),
    Rank(
        2,
        "person_owns",
        "A person owns the conversation: the bot is silent.",
        "会话由人工接管：机器人不发言。",
    ),
    Rank(
        Step.HAND_OFF,
        "hand_off",
        "Words that ask for a person (人工, 转人工, 投诉, 退款) or are angry (dm.handoff.negative_words), and rules"
        " with hand_off.",
        "要求人工的词（人工、转人工、投诉、退款）、负面词（dm.handoff.negative_words），以及带 hand_off 的规则。",
    ),
    Rank(
        Step.TAPPED,
        "tapped",
        "An entry of the menu, tapped or named; a lead card that was filled in: rules for `menu` and `lead`.",
        "点击或说出菜单项、提交留资卡片：触发条件为 menu、lead 的规则。",
    ),
    Rank(Step.EXACT, "exact", "The whole text is a keyword.", "整句等于关键词。"),
    Rank(
        Step.CONTAINS,
        "contains",
        "The text holds a keyword: the longest match first.",
        "包含关键词：最长匹配优先。",
    ),
    Rank(Step.RE2, "re2", "The text matches a pattern.", "匹配正则表达式。"),
    Rank(
        Step.GREETING,
        "greeting",
        "Rules for kinds of messages or for whom their conditions single out; greetings on page entry, thanks"
        " for a follow, words for who waits without an answer.",
        "按消息类型或条件触发的规则；进入会话的问候、关注后的感谢、久未答复时的安抚。",
    ),
    Rank(
        Step.DEFAULT,
        "default",
        "The default reply, once in 24 hours (dm.auto_reply.default_interval_hours).",
        "默认回复，24 小时一次（dm.auto_reply.default_interval_hours）。",
    ),
    Rank(10, "nothing", "Nothing is sent.", "不回复。"),
)
AMONG_EQUALS: Final = "By priority (a higher one first), then the oldest rule."
_STEPS: Final = {
    Match.EXACT: Step.EXACT,
    Match.CONTAINS: Step.CONTAINS,
    Match.RE2: Step.RE2,
    Match.ANY: Step.GREETING,
}
_OTHERS: Final = {
    Trigger.MENU: Step.TAPPED,
    Trigger.LEAD: Step.TAPPED,
    Trigger.ENTER: Step.GREETING,
    Trigger.FOLLOW: Step.GREETING,
    Trigger.NO_ANSWER: Step.GREETING,
    Trigger.DEFAULT: Step.DEFAULT,
}


def step_of(rule: Rule) -> Step:
    """The step at which the rule is asked."""
    definition = rule.definition
    if definition.trigger is not Trigger.MESSAGE:
        return _OTHERS[definition.trigger]
    if definition.hand_off:
        return Step.HAND_OFF
    return _STEPS[definition.match or Match.EXACT]
