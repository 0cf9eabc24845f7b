"""What the documents show is what the commands print today: each transcript is played again."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from services.embedded.servers.ports import free_port
from tests.e2e.house import ROOT, House, eventually
from tests.support.transcripts import Run, Shown, play, transcripts

README = (ROOT / "README.md").read_text("utf-8")
SIMULATOR = (ROOT / "docs/simulator.md").read_text("utf-8")


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Run]:
    """Runs commands of the document against a simulator that runs alone."""
    port = free_port()
    nobody = f"http://127.0.0.1:{free_port()}/{{client_key}}"
    mine = {"PORT": str(port), "DATA_DIR": str(tmp_path / "simulator"), "WEBHOOK_URL": nobody}
    environment = {f"SIYU_SIMULATOR_{name}": value for name, value in mine.items()}
    words = [sys.executable, "-m", "services.douyin_simulator"]
    with (tmp_path / "log").open("wb") as log:
        running = subprocess.Popen(
            words, cwd=ROOT, env={**os.environ, **environment}, stdout=log, stderr=log
        )
    try:
        base = f"http://127.0.0.1:{port}"
        eventually(lambda: answers(base), why=(tmp_path / "log").read_text)
        yield lambda command: shell(command.replace("http://127.0.0.1:8100", base))
    finally:
        running.terminate()
        running.wait(20)


def answers(base: str) -> bool:
    try:
        return httpx2.get(f"{base}/readyz", trust_env=False).is_success
    except httpx2.TransportError:
        return False


def shell(command: str) -> str:
    words = ["bash", "-c", command.replace("curl ", "curl -sS --noproxy '*' ", 1)]
    ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def differing(document: str, run: Run, which: Callable[[Shown], bool]) -> list[str]:
    """What is printed otherwise than shown."""
    wanted = "\n".join(
        f"```\n$ {one.command}\n{one.output}\n```" for one in transcripts(document) if which(one)
    )
    assert wanted, "nothing is shown"
    return [
        f"$ {shown.command}\n{printed}"
        for shown, printed in play(wanted, run)
        if not shown.same_as(printed)
    ]


def test_the_simulator_answers_as_its_document_shows(alone: Run) -> None:
    assert differing(SIMULATOR, alone, lambda one: one.command.startswith("curl ")) == []


def siyu_of(house: House) -> Run:
    """`siyu …` as a document writes it, in this house."""

    def run(command: str) -> str:
        words = shlex.split(command.partition("siyu ")[2], comments=True)
        return house.siyu(*words).stdout

    return run


def test_a_scenario_is_told_as_the_document_shows(house: House) -> None:
    def is_siyu(one: Shown) -> bool:
        return "siyu simulate" in one.command

    assert differing(SIMULATOR, siyu_of(house), is_siyu) == []


def test_the_story_is_told_as_the_readme_shows(house: House) -> None:
    assert differing(README, siyu_of(house), lambda one: one.command.endswith("siyu demo")) == []


def test_a_message_is_answered_as_the_first_screen_shows(house: House) -> None:
    def is_send_dm(one: Shown) -> bool:
        return "send-dm" in one.command

    assert differing(README, siyu_of(house), is_send_dm) == []


def test_a_word_that_is_not_printed_is_noticed_and_another_id_is_not() -> None:
    document = "```\n$ siyu x\nrsv_0123456789abcdef01234567 sent in 9 ms\n\n$ siyu y\ndone\n```\n"
    told = "rsv_1123456789abcdef01234567 sent in 12 ms\n"

    def right(command: str) -> str:
        return told if command == "siyu x" else "done\n"

    assert differing(document, right, lambda _: True) == []
    wrong = differing(document, lambda _: told.replace("sent", "lost"), lambda _: True)
    assert [one.splitlines()[0] for one in wrong] == ["$ siyu x", "$ siyu y"]
