"""What the two shops do besides one answer a message: a menu, a flow that asks for a contact, and people.

A guest (`guests`) goes through these word by word, so that every answer is known before it comes.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from services.direct_messages.domain.effects import NotifyWebhook
from services.direct_messages.domain.flows import Choice, Expects, StartFlow, Step, asked
from services.direct_messages.domain.items import MenuReply, Reply, TextReply
from services.direct_messages.domain.rules import Definition, Match, MenuPlace, Mode, Trigger

MENU, CARE, BEGINS = "菜单", "菜单·保养", "菜单·留电话"
TELLS = "预约"  # the organization's own machine is told of it
NAME, SIZE, PHONE = "流程·称呼", "流程·尺码", "流程·电话"
# what a guest says to get there; numbers of a menu mean something only where it was shown
SAYINGS: Final = {
    MENU: "菜单",
    CARE: "2",
    BEGINS: "1",
    NAME: "我叫小{n}",
    SIZE: "2",
    PHONE: "138{n:08d}",
    TELLS: "预约试穿",
}
QUEUE_NOTICE: Final = "您前面还有"  # of the notice that all agents are busy
_TITLE, _FLOW, _CARE = "请选择：", "留电话", "保养说明"
_CARE_TEXT = "针织类请反面冷水手洗，平铺晾干。"
_STEPS: Final = (
    Step("name", "请问怎么称呼您？"),
    Step("size", "平时穿什么尺码？", Expects.CHOICE, (Choice("均码"), Choice("大码"))),
    Step("phone", "请留下手机号，方便我们联系您。", Expects.PHONE),
)
_DONE = "已记下，稍后联系您。"
_TOLD_TEXT = "已为您登记试穿。"


def rules(mark: str = "") -> tuple[Definition, ...]:
    """The rules of the menu and the flow; every text begins with `mark`."""
    shows = _exact(_rule(MENU, (MenuReply(mark + _TITLE, form="text"),)))
    tells = _exact(_rule(TELLS, (TextReply(mark + _TOLD_TEXT),)))
    steps = tuple(replace(step, question=mark + step.question) for step in _STEPS)
    flow = StartFlow(steps, mark + _DONE)
    return (
        shows,
        replace(tells, effects=(NotifyWebhook(TELLS),)),
        replace(_rule(BEGINS), effects=(flow,), menu=MenuPlace((1,), _FLOW)),
        replace(_rule(CARE, (TextReply(mark + _CARE_TEXT),)), menu=MenuPlace((2,), _CARE)),
    )


def answers(mark: str = "") -> dict[str, str]:
    """What each saying gets, as the fan reads it."""
    name, size, phone = (asked(step) for step in _STEPS)
    return {
        MENU: f"{mark}{_TITLE}\n1. {_FLOW}\n2. {_CARE}",
        CARE: mark + _CARE_TEXT,
        BEGINS: mark + name,
        NAME: mark + size,
        SIZE: mark + phone,
        PHONE: mark + _DONE,
        TELLS: mark + _TOLD_TEXT,
    }


def _exact(rule: Definition) -> Definition:
    """The same, when a fan says exactly its words."""
    words = (SAYINGS[rule.name],)
    return replace(rule, trigger=Trigger.MESSAGE, match=Match.EXACT, keywords=words)


def _rule(name: str, replies: Sequence[Reply] = ()) -> Definition:
    return Definition(
        name=name,
        trigger=Trigger.MENU,
        match=None,
        keywords=(),
        pattern=None,
        mode=Mode.ALL,
        replies=tuple(replies),
        hand_off=False,
        priority=0,
        enabled=True,
    )
