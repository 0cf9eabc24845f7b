"""The story of `siyu demo`: one new fan, her six replies, the refusal, and what lifts the limit.

Nothing is staged: she exists in the simulator, everything else is asked of the running system, and
where it goes another way than told the command says so and fails.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from services.embedded.demo.asking import Asking, Budget
from services.embedded.demo.screen import Screen, moved
from services.embedded.servers import CannotStart
from shared import ids

_NICKNAME = "小雨"
_ANSWERS = (
    "您好，我是客服小青，刚看到您的消息～",
    "雾蓝色针织衫 M 码还有 3 件，需要帮您留一件吗？",
    "已经帮您留好了，今天下单今天发。",
    "对了，尺码拿不准的话可以把身高体重发我。",
)
_AFTERWARDS = tuple(
    f"会员专享搭配 {number}：针织衫配灯芯绒半裙，暖和又显高。" for number in range(1, 7)
)
_BY_WORDS = frozenset({"hand_off", "exact", "contains", "re2"})  # steps whose rules ask for words
_NOTHING = Budget(0, None)


@dataclass(slots=True)
class _Told:
    """Where the story stands."""

    demo: Asking
    screen: Screen
    fan: str
    conversation: str = ""
    budget: Budget = _NOTHING
    written: int = 0


async def tell(demo: Asking, screen: Screen) -> None:
    """Tell it once, with a fan of its own. Raises CannotStart where it goes another way."""
    fan = ids.new("demo-fan")
    told = _Told(demo, screen, fan)
    await demo.control("fans", {"open_id": fan, "nickname": _NICKNAME, "follows": False})
    screen.title(f"{_NICKNAME}, {fan}, is new. She does not follow the shop.")
    await _she_writes(told, "你好，想看看新款", items=3)
    await _a_person_answers(told)
    await _the_seventh_is_refused(told)
    await _the_bot_again(told)
    await _she_follows(told)
    await _no_limit(told)
    screen.title(f"\nThe whole conversation: GET /v1/conversations/{told.conversation}/timeline")


async def _she_writes(told: _Told, words: str, *, items: int) -> None:
    told.screen.step("She writes; a rule answers.")
    told.screen.says("fan", words)
    before = await told.demo.budget(told.fan, lambda _: True)
    with told.screen.waiting("…"):
        story = await told.demo.say(told.fan, words)
    _expect(len(story.get("items", ())) == items, f"{items} items, not {story.get('outcome')}")
    told.conversation = story["conversation_id"]
    await _show(told, story, before, Budget(items, before.cap))


async def _show(told: _Told, story: dict[str, Any], before: Budget, after: Budget) -> None:
    """What the bot said and why; the budget must come to `after`."""
    for item in story["items"]:
        told.screen.says("bot", item["text"], item["state"])
    told.budget = await _settled(told, after)
    won = next(c for c in story["candidates"] if c["lost"] is None) if story["candidates"] else None
    # greetings, thanks and the default reply ask for no words
    matched = f' matched "{won["found"]}"' if won and won["step"] in _BY_WORDS else ""
    told.screen.why(
        f"{story['outcome']}: rule {story['rule']['name']}{matched}",
        moved(before, told.budget),
        f"cause {story['cause']}",
    )


async def _settled(told: _Told, wanted: Budget) -> Budget:
    with told.screen.waiting("…"):
        found = await told.demo.budget(told.fan, lambda budget: budget == wanted)
    _expect(found == wanted, f"a budget of {wanted}, not {found}")
    return found


async def _a_person_answers(told: _Told) -> None:
    told.screen.step("A person takes over and answers three times, by the API.")
    for text in _ANSWERS[:3]:
        await _write(told, text)


async def _write(told: _Told, text: str) -> None:
    before = told.budget
    status, answer = await _post(told, text)
    _expect(status == HTTPStatus.ACCEPTED, f"a reply, not {status} {answer.get('code')}")
    told.budget = await _settled(told, Budget(before.taken + 1, before.cap))
    state = await _state_of(told, answer["message_ids"][0])
    told.screen.says("person", text, state)
    told.screen.why(
        "accepted: a person wrote", moved(before, told.budget), f"cause {answer['cause']}"
    )


async def _post(told: _Told, text: str) -> tuple[int, dict[str, Any]]:
    told.written += 1
    path, key = f"/v1/conversations/{told.conversation}/messages", f'"{told.fan}-{told.written}"'
    return await told.demo.call("POST", path, {"text": text}, **{"Idempotency-Key": key})


async def _state_of(told: _Told, message_id: str) -> str:
    moments = await told.demo.timeline(told.fan)
    return next((str(m["state"]) for m in moments if m["id"] == message_id), "unknown")


async def _the_seventh_is_refused(told: _Told) -> None:
    told.screen.step(
        "The seventh reply is refused: six is all that a fan who does not follow gets."
    )
    told.screen.says("person", _ANSWERS[3])
    status, no = await _post(told, _ANSWERS[3])
    _expect(status == HTTPStatus.TOO_MANY_REQUESTS, f"a refusal, not {status}")
    told.screen.says("refused", f"{status} {no['code']}: {no['detail']}")
    told.screen.why(
        f"limit {no['limit']}, used {no['used']} of {no['cap']}, held {no['held']}",
        "resets with her next message"
        if no["resets"]["on"] == "fan_message"
        else str(no["resets"]),
        f"request {no['request_id']}",
    )


async def _the_bot_again(told: _Told) -> None:
    told.screen.step("The conversation goes back to the bot. She writes again: a new window.")
    path = f"/v1/conversations/{told.conversation}/owner"
    status, _ = await told.demo.call("PUT", path, {"owner": "bot"}, **{"If-Match": "*"})
    _expect(status == HTTPStatus.OK, f"a change of owner, not {status}")
    words, before = "多少钱一件？", told.budget
    told.screen.says("fan", words)
    with told.screen.waiting("…"):
        story = await told.demo.say(told.fan, words)
    _expect(len(story.get("items", ())) == 1, f"an answer, not {story.get('outcome')}")
    await _show(told, story, before, Budget(1, before.cap))


async def _she_follows(told: _Told) -> None:
    told.screen.step("She follows the shop. The limit is off.")
    told.screen.says("fan", "关注了青禾女装")
    before = told.budget
    await told.demo.control("fans", {"open_id": told.fan, "follows": True})
    with told.screen.waiting("…"):
        story = await told.demo.decision(told.fan, lambda entry: entry["kind"] == "followed")
    _expect(len(story.get("items", ())) == 1, f"thanks, not {story.get('outcome')}")
    await _show(told, story, before, Budget(before.taken + 1, None))


async def _no_limit(told: _Told) -> None:
    told.screen.step("A person writes six times more in the same window. Nothing is refused.")
    before = told.budget
    for text in _AFTERWARDS:
        status, answer = await _post(told, text)
        _expect(status == HTTPStatus.ACCEPTED, f"a reply, not {status} {answer.get('code')}")
    told.budget = await _settled(told, Budget(before.taken + len(_AFTERWARDS), None))
    told.screen.says("person", _AFTERWARDS[0], f"and {len(_AFTERWARDS) - 1} more like it")
    told.screen.why(f"{len(_AFTERWARDS)} accepted: she follows", moved(before, told.budget))


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise CannotStart(f"The story went another way here: expected {what}.")
