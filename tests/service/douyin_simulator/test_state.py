"""What the simulator said stays true: over restarts, `kill -9`, and a torn last line."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pytest

from services.douyin_simulator.service import open_world
from services.douyin_simulator.settings import Settings
from services.douyin_simulator.store import BrokenDataDirectoryError
from tests.service.douyin_simulator.conftest import (
    CONVERSATION,
    FAN,
    Platform,
    Receiver,
    Start,
    code_of,
)


async def test_a_restart_keeps_everything(start: Start) -> None:
    async with start() as platform:
        msg_id = (await platform.says())["msg_id"]
        await platform.advance(3_600_000)
        for _ in range(5):
            await platform.send(msg_id)
        await platform.call("/_simulator/fans", {"open_id": "fan-new", "follows": True})
        await platform.fails("business_error", count=2, match={"to_user_id": "nobody"})
        before = await platform.get("/_simulator/sent")
        people = await platform.get("/_simulator/fans")
        orders = await platform.get("/_simulator/failures")

    async with start() as platform:
        assert await platform.get("/_simulator/sent") == before
        assert await platform.get("/_simulator/fans") == people
        assert await platform.get("/_simulator/failures") == orders
        assert (await platform.get("/_simulator/clock"))["offset_ms"] == 3_600_000
        assert code_of(await platform.send(msg_id)) == 0
        assert code_of(await platform.send(msg_id)) == 28003070


async def test_a_restart_keeps_everything_that_has_an_id(start: Start) -> None:
    places = ("groups", "groups/messages", "accounts", "apps", "limits", "caps", "manners")
    async with start() as platform:
        await platform.call("/_simulator/groups/join", {"group_id": "@group001==", "fan": FAN})
        speech = {"group_id": "@group001==", "from": FAN, "text": "在"}
        await platform.call("/_simulator/groups/messages", speech)
        account = {"open_id": "biz-open-id-0001", "client_key": "awtest0123456789"}
        await platform.call("/_simulator/accounts", {**account, "phone": "13800138000"})
        await platform.call("/_simulator/limits", {"path": "/fans/check/", "per_second": 5})
        await platform.call("/_simulator/manners", {"card_review_s": 9})
        review = {"id": "@card001==", "status": "rejected"}
        await platform.call("/_simulator/reviews", review)
        before = [await platform.get(f"/_simulator/{place}") for place in places]
    async with start() as platform:
        assert [await platform.get(f"/_simulator/{place}") for place in places] == before
        card = {"msg_type": 8, "retain_consult_card": {"card_id": "@card001=="}}
        assert code_of(await platform.send(content=card)) == 28001038


async def test_an_echo_that_was_not_delivered_goes_out_after_the_restart(
    start: Start, receiver: Receiver
) -> None:
    receiver.statuses = [500]
    async with start(webhook_retry_after_s=(60.0,)) as platform:
        answer = await platform.send()
        (before,) = await receiver.gets(1)

    async with start():
        _, after = await receiver.gets(2)
    assert after.content["server_message_id"] == answer["msg_id"]
    assert (after.headers["Msg-Id"], after.body) == (before.headers["Msg-Id"], before.body)

    async with start() as platform:
        assert (await platform.stats())["webhooks"]["pending"] == 0
    assert len(receiver.deliveries) == 2


async def test_the_ids_of_the_vectors_are_open_again_after_a_restart(start: Start) -> None:
    greeting = {"scene": "im_enter_direct_msg"}
    async with start() as platform:
        await platform.advance(86_400_000 * 3)
        assert code_of(await platform.send("@msg002==", **greeting)) == 0
        await platform.advance(31_000)
        assert code_of(await platform.send("@msg002==", **greeting)) == 28003080
        for _ in range(6):
            await platform.send("@msg001==")
    async with start() as platform:
        assert code_of(await platform.send("@msg002==", **greeting)) == 0
        assert code_of(await platform.send("@msg001==")) == 28003070


async def test_a_reset_begins_a_new_world(platform: Platform) -> None:
    old = await platform.send()
    await platform.advance(1000)
    await platform.fails("reset", count=5)

    await platform.call("/_simulator/reset")

    assert await platform.sent() == []
    assert (await platform.get("/_simulator/clock"))["offset_ms"] == 0
    new = await platform.send()
    assert new["msg_id"] != old["msg_id"]
    assert [one["seq"] for one in await platform.sent()] == [1]


async def test_what_was_answered_survives_kill_9(tmp_path: Path, receiver: Receiver) -> None:
    answered: list[str] = []
    for _ in range(2):
        process, platform = await a_process(tmp_path, receiver)
        async with platform.http:
            answered += [(await platform.send())["msg_id"] for _ in range(3)]
            process.send_signal(signal.SIGKILL)
            await process.wait()
    process, platform = await a_process(tmp_path, receiver)
    async with platform.http:
        assert [one["msg_id"] for one in await platform.sent()] == answered
        assert code_of(await platform.send()) == 28003070
    process.terminate()
    assert await process.wait() in (0, -signal.SIGTERM)


async def a_process(
    tmp_path: Path, receiver: Receiver
) -> tuple[asyncio.subprocess.Process, Platform]:
    """The simulator as its own process, ready."""
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[3]),
        "SIYU_SIMULATOR_PORT": "0",
        "SIYU_SIMULATOR_DATA_DIR": str(tmp_path / "killed"),
        "SIYU_SIMULATOR_ACCESS_TOKEN": "act.x",
        "SIYU_SIMULATOR_WEBHOOK_URL": receiver.url,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.douyin_simulator",
        env=environment,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async for line in process.stderr:
        if b"running on " in line:
            url = line.split(b"running on ")[1].split()[0].decode()
            return process, Platform(url, aiohttp.ClientSession())
    raise AssertionError("the simulator did not start")


def settings(directory: Path) -> Settings:
    return Settings(data_dir=directory, demo_fans=2)


def test_a_line_torn_by_a_crash_is_cut_off(tmp_path: Path) -> None:
    world = open_world(settings(tmp_path))
    whole = world.store.state.records
    world.store.close()
    journal = tmp_path / "journal.jsonl"
    size = journal.stat().st_size
    with journal.open("ab") as file:
        file.write(b'{"t":"clock","offs')

    world = open_world(settings(tmp_path))
    assert world.store.state.records == whole
    assert journal.stat().st_size == size
    world.store.close()


def test_a_journal_that_is_not_ours_is_named(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").write_text('{"t":"world","id":"x"}\nhello\n')
    with pytest.raises(BrokenDataDirectoryError, match=r"Line 2 of .*journal\.jsonl"):
        open_world(settings(tmp_path))


def test_two_simulators_do_not_share_a_directory(tmp_path: Path) -> None:
    world = open_world(settings(tmp_path))
    with pytest.raises(BrokenDataDirectoryError, match="Another simulator"):
        open_world(settings(tmp_path))
    world.store.close()


def test_a_directory_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BrokenDataDirectoryError, match=str(tmp_path / "file")):
        open_world(settings(tmp_path / "file"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "many"),
        ("WEBHOOK_RETRY_AFTER_S", "soon"),
        ("WEBHOOK_RETRY_AFTER_S", "[-1]"),
        ("WEBHOOK_URL", "ftp://x/"),
    ],
)
async def test_a_bad_setting_ends_the_start_with_one_sentence(
    tmp_path: Path, name: str, value: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.douyin_simulator",
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(Path(__file__).parents[3]),
            "SIYU_SIMULATOR_DATA_DIR": str(tmp_path),
            f"SIYU_SIMULATOR_{name}": value,
        },
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert said.count(b"\n") == 1
    assert name.lower() in said.decode().lower() or value in said.decode()


async def test_an_unseen_fan_is_not_a_follower(platform: Platform) -> None:
    said = {"from": "fan-unseen", "to": "biz-open-id-0001", "text": "在吗"}
    posted = await platform.call("/_simulator/messages", said)
    where = {"conversation_id": posted["conversation_id"], "to_user_id": "fan-unseen"}
    answers = [code_of(await platform.send(posted["msg_id"], **where)) for _ in range(7)]
    assert answers == [0] * 6 + [28003070]
    assert where["conversation_id"] != CONVERSATION
    assert where["to_user_id"] != FAN
