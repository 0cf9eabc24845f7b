"""The guard of tests/conftest.py: no test leaves this machine."""

import asyncio
import socket

import pytest

from tests.conftest import is_loopback


@pytest.mark.parametrize("family", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_no_other_address_is_reached(family: int) -> None:
    outside = ("192.0.2.1", 80)  # an address kept free for documentation
    with socket.socket(socket.AF_INET, family) as sock:
        send = sock.sendto if family == socket.SOCK_DGRAM else None
        with pytest.raises(AssertionError, match="loopback"):
            send(b"x", outside) if send else sock.connect(outside)


async def test_loopback_is() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server:
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        assert await reader.read() == b""
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(
    ("host", "inside"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("localhost", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("example.com", False),
    ],
)
def test_which_hosts_are_loopback(host: str, inside: bool) -> None:
    assert is_loopback(host) is inside
