"""An open-loop generator of signed webhooks over keep-alive connections."""

import asyncio
import hashlib
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

SECRET = "0123456789abcdef0123456789abcdef"
CLIENT_KEY = "awtest0123456789"
SHOP = "biz-open-id-0001"
_TEXTS = ("你好，多少钱", "什么时候发货呀", "尺码怎么选", "门店地址在哪里", "有什么优惠活动吗")


@dataclass(frozen=True, slots=True)
class Dm:
    """One message of a fan, as a signed webhook."""

    message_id: str
    conversation_id: str
    fan: str
    request: bytes


@dataclass
class Outcome:
    """What happened to a run of posts. Times in seconds of `time.time()`."""

    acknowledged: dict[str, tuple[float, float]] = field(
        default_factory=dict
    )  # id → sent, answered
    refused: dict[str, int] = field(default_factory=dict)

    def latencies(self) -> list[float]:
        """Seconds from post to answer, sorted."""
        return sorted(after - before for before, after in self.acknowledged.values())


def a_dm(run: str, number: int, fans: int) -> Dm:
    """Message `number` of `run`; `fans` fans write in turn."""
    fan = f"bench-{run}-{number % fans:06d}"
    message_id, conversation_id = f"@{run}-m{number}==", f"@{run}-c{number % fans}=="
    content = {
        "conversation_short_id": conversation_id,
        "server_message_id": message_id,
        "conversation_type": 1,
        "create_time": int(time.time() * 1000),
        "message_type": "text",
        "source": "",
        "scene_type": 100,
        "text": f"{_TEXTS[number % len(_TEXTS)]} {number}",
        "user_infos": [
            {"open_id": fan, "nick_name": "粉丝", "avatar": "https://example.com/a.jpeg"}
        ],
    }
    body = json.dumps(
        {
            "event": "im_receive_msg",
            "client_key": CLIENT_KEY,
            "from_user_id": fan,
            "to_user_id": SHOP,
            "log_id": f"log{number}",
            "content": content,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    signature = hashlib.sha1(SECRET.encode() + body, usedforsecurity=False).hexdigest()
    head = (
        f"POST /douyin/webhooks/{CLIENT_KEY} HTTP/1.1\r\nHost: siyu\r\nContent-Type: application/json\r\n"
        f"X-Douyin-Signature: {signature}\r\nMsg-Id: {message_id}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return Dm(message_id, conversation_id, fan, head.encode() + body)


async def post_all(
    port: int, dms: Iterable[Dm], *, rate: float | None, connections: int
) -> Outcome:
    """Post every message once; `rate` a second, or as fast as the connections allow (None)."""
    outcome, queue, began = Outcome(), iter(enumerate(dms)), time.monotonic()

    async def one_connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number, dm in queue:
            if rate is not None:
                wait = began + number / rate - time.monotonic()
                if wait > 0:
                    await asyncio.sleep(wait)
            before = time.time()
            writer.write(dm.request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
            await reader.readexactly(length)
            status = int(head[9:12])
            if status == 200:
                outcome.acknowledged[dm.message_id] = (before, time.time())
            else:
                outcome.refused[dm.message_id] = status
        writer.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(connections):
            group.create_task(one_connection())
    return outcome
