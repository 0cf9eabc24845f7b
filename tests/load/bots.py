"""Drives the peers of P2: frameworks that answer messages by rules, and store nothing."""

import hashlib
import json
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from services.embedded.servers.ports import free_port
from tests.load.generator import Post, a_request, post_all
from tests.load.peers import Program, serving
from tests.load.system import Void, until
from tests.load.words import FOUND, said

_CONNECTIONS = 32
_SECRET = "siyubench"
_GRANIAN = (
    "--interface wsgi --host 127.0.0.1 --workers 1 --no-ws --log-level warning --backlog 4096"
)
_PATIENCE = 120


@dataclass(frozen=True, slots=True)
class Bots:
    """Peers that run; each call is one run and gives messages a second."""

    werobot_port: int
    aiogram_port: int
    platform_port: int

    def werobot(self, count: int) -> float:
        """Every message answered inside its response, by a rule where one matches."""
        posts = [_of_wechat(number) for number in range(count)]
        outcome = post_all(self.werobot_port, posts, rate=None, connections=_CONNECTIONS, keep=True)
        answered = {i for i, body in outcome.bodies.items() if f"answers {i}".encode() in body}
        if len(outcome.acknowledged) != count or answered != _matching(count):
            raise Void(f"WeRoBot answered {len(answered)} of {len(_matching(count))} messages")
        return count / outcome.seconds

    def aiogram(self, count: int) -> float:
        """Until the platform has the reply to every message that a rule matches."""
        before = self._replied()
        first, began = len(before) * 2 + 1, time.monotonic()
        posts = [_of_telegram(first + number, number) for number in range(count)]
        outcome = post_all(self.aiogram_port, posts, rate=None, connections=_CONNECTIONS)
        wanted = {first + int(i) for i in _matching(count)}
        until(len(before) + len(wanted), lambda: len(self._replied()), _PATIENCE)
        took = time.monotonic() - began
        if len(outcome.acknowledged) != count or set(self._replied()[len(before) :]) != wanted:
            raise Void("aiogram did not answer each message once")
        return count / took

    def _replied(self) -> list[int]:
        url = f"http://127.0.0.1:{self.platform_port}/seen"
        with urllib.request.urlopen(url, timeout=60) as answer:
            seen: list[int] = json.loads(answer.read())
        return seen


@contextmanager
def bots(folder: Path, peers: Path, rules: int) -> Iterator[Bots]:
    """WeRoBot with `rules` rules, aiogram with ten, and the platform that aiogram sends to."""
    made = Bots(free_port(), free_port(), free_port())
    granian = ["-m", "granian", *_GRANIAN.split(), "--port", str(made.werobot_port)]
    werobot = [str(peers), *granian, "tests.load.peers.werobot_app:application"]
    platform = [sys.executable, "-m", "tests.load.peers.platform", str(made.platform_port)]
    places = [str(made.aiogram_port), str(made.platform_port)]
    aiogram = [str(peers), "-m", "tests.load.peers.aiogram_bot", *places]
    with ExitStack() as stack:
        ruled = {"RULES": str(rules)}
        for name, program in (
            ("werobot", Program(werobot, made.werobot_port, ruled, one_core=True)),
            ("platform", Program(platform, made.platform_port)),
            ("aiogram", Program(aiogram, made.aiogram_port, one_core=True)),
        ):
            stack.enter_context(serving(program, folder / f"{name}.log"))
        yield made


def _matching(count: int) -> set[str]:
    return {str(n) for n in range(count) if any(word in said(n) for word in FOUND)}


def _of_wechat(number: int) -> Post:
    body = (
        f"<xml><ToUserName>shop</ToUserName><FromUserName>fan-{number}</FromUserName>"
        f"<CreateTime>{int(time.time())}</CreateTime><MsgType>text</MsgType>"
        f"<Content>{said(number)}</Content><MsgId>{number}</MsgId></xml>"
    ).encode()
    at, nonce = str(int(time.time())), str(number)
    signature = hashlib.sha1("".join(sorted([_SECRET, at, nonce])).encode()).hexdigest()
    path = f"/?timestamp={at}&nonce={nonce}&signature={signature}"
    return Post(str(number), a_request(path, body, {"Content-Type": "text/xml"}))


def _of_telegram(chat: int, number: int) -> Post:
    message = {
        "message_id": chat,
        "date": int(time.time()),
        "chat": {"id": chat, "type": "private"},
        "from": {"id": chat, "is_bot": False, "first_name": "粉丝"},
        "text": said(number),
    }
    body = json.dumps({"update_id": chat, "message": message}).encode()
    headers = {"X-Telegram-Bot-Api-Secret-Token": _SECRET}
    return Post(str(number), a_request("/hook", body, headers))
