"""TCP fault proxies: every edge of the house runs through one, and may be delayed, cut, silenced, throttled.

They turn in a loop and a thread of their own, so that a rig which waits for a server does not stop
the traffic. Whoever wants a fault sets a field of the link; `heal` takes all faults back.
"""

import asyncio
import contextlib
import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

import uvloop

from services.embedded.servers.ports import free_port
from tests.faults.waiting import until

Way = Literal["there", "back"]
_CHUNK = 64 * 1024
_CLOSED_SECONDS = 0.05
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no seconds: closing sends RST


@dataclass(eq=False)
class _Pair:
    """One connection: of who asks, and to who answers."""

    caller: asyncio.StreamWriter
    answerer: asyncio.StreamWriter
    loses_reply: bool = False

    def reset(self) -> None:
        for writer in (self.caller, self.answerer):
            # uvloop says ValueError of a socket that is closed already
            with contextlib.suppress(OSError, AttributeError, ValueError):
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


@dataclass(eq=False)
class Link:
    """One edge. Faults are fields, effective at once, also on connections that exist."""

    name: str
    targets: list[tuple[str, int]]
    port: int = field(default_factory=free_port)
    delay: float = 0.0  # seconds, each way, for every piece
    jitter: float = 0.0  # as much more at random
    rate: float = 0.0  # bytes a second and connection; 0: no limit
    is_down: bool = False  # new connections are reset, as by a host without the program
    silent: frozenset[Way] = frozenset()  # half-open: what is sent this way is not delivered
    cuts_after: bytes = b""  # a request with these bytes is delivered, and its reply is lost
    cut_probability: float = 1.0
    seen: Counter[str] = field(default_factory=Counter)  # faults that really struck
    dice: random.Random = field(default_factory=random.Random)
    pairs: set[_Pair] = field(default_factory=set)
    _turn: int = 0

    def heal(self) -> None:
        """No fault any more."""
        self.delay = self.jitter = self.rate = 0.0
        self.is_down, self.silent, self.cuts_after = False, frozenset(), b""

    async def serve(self) -> asyncio.Server:
        """Listen."""
        return await asyncio.start_server(self._accept, "127.0.0.1", self.port, backlog=512)

    def sever(self) -> None:
        """Reset every connection that exists."""
        for pair in list(self.pairs):
            pair.reset()
            self.seen["reset"] += 1

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering = None if self.is_down else await self._reach()
        if answering is None:
            self.seen["refused"] += 1
            _Pair(writer, writer).reset()
            return
        pair = _Pair(writer, answering[1])
        self.pairs.add(pair)
        self.seen["connections"] += 1
        try:
            await asyncio.gather(
                self._pump(reader, answering[1], "there", pair),
                self._pump(answering[0], writer, "back", pair),
            )
        except (OSError, RuntimeError):  # uvloop's word for a connection that was reset meanwhile
            pair.reset()
        finally:
            self.pairs.discard(pair)
            for one in (pair.caller, pair.answerer):
                one.close()

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        """One of the targets, in turn; None if none of them listens."""
        self._turn += 1
        for offset in range(len(self.targets)):
            host, port = self.targets[(self._turn + offset) % len(self.targets)]
            with contextlib.suppress(OSError):
                return await asyncio.open_connection(host, port)
        return None

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way, pair: _Pair
    ) -> None:
        while data := await reader.read(_CHUNK):
            await self._hold_up(len(data), way)
            if way == "there" and self.cuts_after and self.cuts_after in data:
                pair.loses_reply = self.dice.random() < self.cut_probability
            elif way == "back" and pair.loses_reply:
                self.seen["reply_lost"] += 1
                pair.reset()
                return
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    async def _hold_up(self, size: int, way: Way) -> None:
        if self.delay:
            self.seen["delayed"] += 1
            await asyncio.sleep(self.delay + self.dice.uniform(0, self.jitter))
        if self.rate:
            self.seen["throttled"] += 1
            await asyncio.sleep(size / self.rate)
        if way in self.silent:
            self.seen["silenced"] += 1
            await until(lambda: way not in self.silent)


class Wires:
    """All links of a house, served by one thread."""

    def __init__(self, seed: int) -> None:
        self.links: dict[str, Link] = {}
        self._dice = random.Random(seed)
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._servers: list[asyncio.Server] = []
        self._thread.start()

    def add(self, name: str, *targets: tuple[str, int]) -> Link:
        """A new edge, listening."""
        link = Link(name, list(targets), dice=random.Random(self._dice.random()))
        self._servers.append(self._do(link.serve()))
        self.links[name] = link
        return link

    def sever(self, link: Link) -> None:
        """Reset every connection of a link."""
        self._loop.call_soon_threadsafe(link.sever)

    def heal(self) -> None:
        """Take every fault back."""
        for link in self.links.values():
            link.heal()

    def seen(self) -> Counter[str]:
        """Faults that struck, over all links."""
        total: Counter[str] = Counter()
        for link in self.links.values():
            total += link.seen
        return total

    def close(self) -> None:
        """Stop; nothing listens any more."""
        for link in self.links.values():
            self._loop.call_soon_threadsafe(link.sever)
        for server in self._servers:
            self._loop.call_soon_threadsafe(server.close)
        time.sleep(_CLOSED_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def _do(self, work: Coroutine[Any, Any, asyncio.Server]) -> asyncio.Server:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(5)
