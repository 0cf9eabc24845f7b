"""What holds for every test: no socket leaves this machine. Nothing of ours is patched."""

import ipaddress
import socket
import sys

_INTERNET = (socket.AF_INET, socket.AF_INET6)


class OutsideThisMachineError(AssertionError):
    """A test tried to reach an address that is not of this machine."""


def is_loopback(host: object) -> bool:
    """Whether a socket address names this machine's loopback."""
    if host in {"localhost", b"localhost"}:
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _guard(event: str, args: tuple[object, ...]) -> None:
    if event not in {"socket.connect", "socket.sendto"}:
        return
    sock, address = args[0], args[1]
    if not isinstance(sock, socket.socket) or sock.family not in _INTERNET:
        return
    host = address[0] if isinstance(address, tuple) else address
    if not is_loopback(host):
        msg = f"tests may only talk to loopback, not to {address!r}"
        raise OutsideThisMachineError(msg)


sys.addaudithook(_guard)
