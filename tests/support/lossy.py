"""A line to PostgreSQL that loses the word of a commit when a test says so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import parse_qs, urlsplit

_COMMIT = b"COMMIT\x00"
_AT_ONCE = 65536


@dataclass
class LossyLine:
    """Hands every byte on; the answers of the next `to_lose` commits never arrive."""

    url: str = ""
    to_lose: int = 0
    lost: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def carry(
        self,
        upstream: str,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        """One connection, until somebody hangs up."""
        server = await asyncio.open_unix_connection(upstream)
        back = asyncio.create_task(_hand_on(server[0], client[1]))
        self._tasks.add(back)
        back.add_done_callback(self._tasks.discard)
        while said := await client[0].read(_AT_ONCE):
            if self.to_lose and said.endswith(_COMMIT):
                self.to_lose -= 1
                back.cancel()
                await asyncio.wait([back])
                server[1].write(said)
                await server[0].read(_AT_ONCE)  # it is committed
                self.lost += 1
                break
            server[1].write(said)
        for writer in (server[1], client[1]):
            writer.close()


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while said := await reader.read(_AT_ONCE):
        writer.write(said)
    writer.close()


@asynccontextmanager
async def lossy_line(database_url: str) -> AsyncIterator[LossyLine]:
    """The database at that URL, which names a folder of sockets, behind such a line at another."""
    (folder,) = parse_qs(urlsplit(database_url).query)["host"]
    name, line = ".s.PGSQL.5432", LossyLine()
    with TemporaryDirectory(prefix="lossy") as near:
        server = await asyncio.start_unix_server(
            lambda reader, writer: line.carry(str(Path(folder, name)), (reader, writer)),
            Path(near, name),
        )
        line.url = database_url.replace(folder, near)
        try:
            yield line
        finally:
            server.close()
