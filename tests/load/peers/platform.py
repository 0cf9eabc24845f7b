"""The platform of a peer that sends its replies by HTTP: takes each, and says which it has."""

import sys
from typing import Any
from urllib.parse import parse_qs

import orjson
import uvicorn
import uvloop

_JSON = (b"content-type", b"application/json")


class Platform:
    """`POST /bot…/sendMessage` is taken; `GET /seen` lists the chats that were answered, in order."""

    def __init__(self) -> None:
        self._seen: list[int] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        answer: Any = self._seen
        if scope["method"] == "POST":
            chat = int(parse_qs(body.decode())["chat_id"][0])
            self._seen.append(chat)
            shown = {"id": chat, "type": "private"}
            answer = {"ok": True, "result": {"message_id": 1, "date": 1, "chat": shown}}
        raw = orjson.dumps(answer)
        headers = [_JSON, (b"content-length", str(len(raw)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": raw})


if __name__ == "__main__":
    config = uvicorn.Config(
        Platform(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        backlog=4096,
    )
    uvloop.run(uvicorn.Server(config).serve())
