"""What the planted handler of F24 does with messages that no process can handle; nothing of ours is imported."""

import asyncio
import os
import resource
import signal
from collections.abc import Iterable
from pathlib import Path

KILLS, HANGS, EATS = "evt_poison_kills", "evt_poison_hangs", "evt_poison_eats"
_EATS_BYTES = 4 * 2**30
_LEFT_BYTES = 2**29  # of address space: what the machine would have left


async def meet(ids: Iterable[str]) -> None:
    """Die of one of them, wait for ever over one, ask for more memory than there is over one."""
    found = set(ids)
    if KILLS in found:
        os.kill(os.getpid(), signal.SIGKILL)
    if HANGS in found:
        await asyncio.get_running_loop().create_future()
    if EATS in found:
        _eat()


def _eat() -> None:
    usual = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + _LEFT_BYTES, usual[1]))
    try:
        bytearray(_EATS_BYTES)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, usual)
