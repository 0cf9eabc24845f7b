"""Keeps calls to URLs that others chose away from addresses that are not meant."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import aiohttp

_LOOK_UPS = 16  # at once


class BehindFence(OSError):
    """An address behind the fence."""


class _Names(aiohttp.abc.AbstractResolver):
    """Looks names up in threads of its own: a name server that never answers keeps nobody else waiting."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOK_UPS, "names")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        """The addresses of a name. Raises OSError."""
        ask = partial(
            socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG
        )
        found = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        return [
            aiohttp.abc.ResolveResult(
                hostname=host,
                host=str(place[0]),
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, place in found
        ]

    async def close(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)


class Fence(aiohttp.abc.AbstractResolver):
    """Which addresses may be connected to: for URLs that somebody else chose.

    A name that has one forbidden address is refused. What was looked up is what is connected to, and looked at
    once more then: an address that was written into the URL is never looked up.
    """

    def __init__(
        self, allows: Callable[[str], bool], names: aiohttp.abc.AbstractResolver | None = None
    ) -> None:
        self._allows, self._names = allows, names

    def connecting(self) -> dict[str, Any]:
        """What makes a connector keep to the fence."""
        return {"resolver": self, "socket_factory": self._socket, "use_dns_cache": False}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        """The addresses of a name. Raises OSError."""
        if self._names is None:
            self._names = _Names()
        found = await self._names.resolve(host, port, family)
        for each in found:
            self._check(each["host"])
        return found

    def _check(self, address: str) -> None:
        if not self._allows(address):
            raise BehindFence("address refused")

    def _socket(self, info: Any) -> socket.socket:  # Any: aiohttp's tuple about an address
        family, kind, protocol, _, place = info
        self._check(place[0])
        return socket.socket(family, kind, protocol)

    async def close(self) -> None:
        """Close what looks names up."""
        if self._names is not None:
            await self._names.close()
