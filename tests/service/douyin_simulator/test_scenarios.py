"""Scenario files: what they may say, what is wrong with them and where, and a play with a bot."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from services.douyin_simulator.actions.playing import play
from services.douyin_simulator.actions.scenario_files import (
    Scenario,
    ScenarioError,
    read_scenario,
)
from services.douyin_simulator.clients.controls import ControlRefusedError, Controls
from tests.service.douyin_simulator.conftest import Delivery, Json, Platform, Receiver

DOCUMENTED = Path(__file__).parents[3] / "docs/scenarios"
HEAD = "name: x\nfans:\n  - name: mei\ntimeline:\n"


def written(folder: Path, text: str) -> Path:
    file = folder / "play.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: [", "1: this is not YAML"),
        ("? [a, b]\n: c\n", "1: this is not YAML"),
        ("[" * 5000, "1: this is nested too deep"),
        ("", "1: the file is empty"),
        ("- a\n- b\n", "1: Input should be"),
        ("name: x\nfans: []\n", "2: fans: List should have at least 1 item"),
        (HEAD + "  - {fan: mei, sings: la}\n", "5: timeline.0.sings: Extra inputs"),
        (HEAD + "  - {fan: mei}\n", "5: timeline.0: give exactly one of says"),
        (HEAD + "  - {fan: mei, says: a, enters: true}\n", "5: timeline.0: give exactly one of"),
        (HEAD + "  - {says: a}\n", "5: timeline.0: say who"),
        (HEAD + "  - {fan: mei, clock: 1h}\n", "5: timeline.0: clock is nobody's act"),
        (HEAD + "  - {fan: bo, says: a}\n", "5: there is no fan bo: mei"),
        (HEAD + "  - fan: mei\n    at: 5x\n    says: a\n", "6: timeline.0.at: '5x' is no span"),
        (HEAD + "  - {fan: mei, says: 7}\n", "5: timeline.0.says: Input should be a valid string"),
        (
            HEAD + "  - {at: 2s, fan: mei, says: a}\n  - {at: 1s, fan: mei, says: b}\n",
            "6: this happens before the step above it",
        ),
        (
            HEAD.replace("mei\n", "mei\n  - name: mei\n") + "  - {clock: 1s}\n",
            "4: there is a fan mei",
        ),
        (HEAD + "  - {fan: mei, says: a}\nname: y\n", "6: name is given twice"),
        ("a: &a [1]\nb: *a\n", "2: aliases"),
        (HEAD + "  - {expect: {fan: mei}}\n", "5: timeline.0.expect: give receives"),
        (
            HEAD + "  - {clock: 1s}\nexpectations:\n  - {fan: mei, receives: 1, at_least: 1}\n",
            "7: expectations.0: give either",
        ),
        (
            HEAD + "  - {clock: 1s}\nexpectations:\n  - {fan: bo, receives: 1}\n",
            "7: there is no fan",
        ),
    ],
    ids=lambda value: value if value[:1].isdigit() else f"file of {len(value)}",
)
def test_a_bad_file_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ScenarioError) as error:
        read_scenario(written(tmp_path, text))
    assert f"play.yaml:{said}" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_is_no_text_or_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="No such file"):
        read_scenario(tmp_path / "nothing.yaml")
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"\xff\xfe")
    with pytest.raises(ScenarioError, match="not UTF-8"):
        read_scenario(binary)
    huge = tmp_path / "huge.yaml"
    huge.write_bytes(b"#" * 300_000)
    with pytest.raises(ScenarioError, match="longer than"):
        read_scenario(huge)


class Bot:
    """Answers every message once with three texts, and greets who enters, as a vendor might."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._answered: set[str] = set()
        self._tasks: list[asyncio.Task[None]] = []

    def hear(self, delivery: Delivery) -> Json:
        event, content = delivery.json["event"], delivery.content
        if event not in ("im_receive_msg", "im_enter_direct_msg"):
            return {}
        if content["server_message_id"] not in self._answered:
            self._answered.add(content["server_message_id"])
            self._tasks.append(asyncio.ensure_future(self._answer(delivery, content)))
        return {}

    async def _answer(self, delivery: Delivery, content: Json) -> None:
        entered = delivery.json["event"] == "im_enter_direct_msg"
        where = {
            "conversation_id": content["conversation_short_id"],
            "to_user_id": delivery.json["from_user_id"],
            "scene": "im_enter_direct_msg" if entered else "im_reply_msg",
        }
        wants_all = "上新" in content.get("text", "")
        for words in ("到手价 199", "针织衫", "连衣裙")[: 3 if wants_all else 1]:
            said = {"msg_type": 1, "text": {"text": words}}
            answer: Any = None
            while answer is None or answer["data"]["error_code"] == 28003018:
                try:
                    answer = await self._platform.send(
                        content["server_message_id"], content=said, **where
                    )
                except OSError:
                    break  # it may have arrived: nothing is sent twice

    async def rest(self) -> None:
        await asyncio.gather(*self._tasks)


async def played(platform: Platform, scenario: Scenario) -> tuple[bool, list[str]]:
    lines: list[str] = []
    controls = Controls(platform.url)

    async def advance(seconds: float) -> None:
        await platform.advance(round(seconds * 1000))

    try:
        return await play(scenario, controls, lines.append, advance), lines
    finally:
        await controls.close()


@pytest.mark.parametrize("name", ["first_visit", "bad_day"])
async def test_the_documented_scenarios_hold_with_a_bot(
    platform: Platform, receiver: Receiver, name: str
) -> None:
    bot = Bot(platform)
    receiver.reply = bot.hear
    held, lines = await played(platform, read_scenario(DOCUMENTED / f"{name}.yaml"))
    await bot.rest()
    assert held, "\n".join(lines)
    assert lines[-1].endswith("expectations held.")
    assert (await platform.get("/_simulator/failures"))["failures"] == []


EVERYTHING = """
name: Everything that a file can say
fans:
  - {name: mei, open_id: fan-open-id-0001}
  - {name: bo, nickname: 小波, follows: true, club_level: 3, city: 成都}
caps: {reply_limit: 1}
manners: {error_envelope: e2}
timeline:
  - {fan: mei, says: 在吗}
  - {fan: mei, recalls: last}
  - {fan: mei, enters: true}
  - {fan: mei, follows: true}
  - {fan: mei, follows: false}
  - {fan: mei, joins: "@group001=="}
  - {fan: mei, fills: "@card001==", values: {姓名: 张三}}
  - {staff: bo, says: 您好}
  - {clock: 1h}
  - {fault: {kind: slow, delay_ms: 1, count: 1}}
  - {withdraw: true}
expectations:
  - {fan: bo, receives: 0, lacks: 您好, within: 100ms}
  - {fan: mei, at_least: 1, within: 100ms}
"""


async def test_a_play_tells_each_line_and_puts_everything_back(
    platform: Platform, receiver: Receiver, tmp_path: Path
) -> None:
    held, lines = await played(platform, read_scenario(written(tmp_path, EVERYTHING)))
    told = "\n".join(lines)
    assert not held
    assert "held      bo gets 0, none with '您好' within 0.1 s" in told
    assert "BROKEN    mei gets at least 1 within 0.1 s: 0 arrived" in told
    assert lines[-1] == "1 of 2 expectations held."
    events = {one.json["event"] for one in receiver.deliveries}
    assert events >= {
        "im_receive_msg", "im_recall_msg", "im_enter_direct_msg", "new_follow_action",
        "group_fans_event", "im_send_msg", "contract_unauthorize",
    }  # fmt: skip
    assert (await platform.get("/_simulator/caps"))["reply_limit"] == 6
    assert (await platform.get("/_simulator/manners"))["error_envelope"] == "e1"
    assert (await platform.get("/_simulator/failures"))["failures"] == []
    assert (await platform.get("/_simulator/clock"))["offset_ms"] == 3_600_000


@pytest.mark.parametrize(
    "broken",
    [
        "account: nobody",
        "caps: {patience: 1}",
        "manners: {error_envelope: e9}",
        "faults: [{kind: x}]",
    ],
)
async def test_what_the_simulator_does_not_take_is_told(
    platform: Platform, tmp_path: Path, broken: str
) -> None:
    text = f"{HEAD}  - {{fan: mei, says: a}}\n{broken}\n"
    with pytest.raises(ControlRefusedError):
        await played(platform, read_scenario(written(tmp_path, text)))
