"""`limits` in process, over Redis: six hits for each fan, asked seven times. Prints what came out.

It keeps no ledger and knows no repeated operation: a hit asked twice is counted twice.
"""

import asyncio
import json
import sys
import time

import uvloop
from limits import RateLimitItemPerDay
from limits.aio.strategies import FixedWindowRateLimiter
from limits.storage import storage_from_string

_ASKS = 7
_AT_ONCE = 64
_SINGLES = 200


async def _measure(url: str, mark: str, fans: int) -> dict[str, float]:
    limiter = FixedWindowRateLimiter(storage_from_string(url))
    six = RateLimitItemPerDay(6)
    questions = iter([f"{mark}-{fan}" for _ in range(_ASKS) for fan in range(fans)])
    granted = denied = 0

    async def ask() -> None:
        nonlocal granted, denied
        for fan in questions:
            if await limiter.hit(six, fan):
                granted += 1
            else:
                denied += 1

    await limiter.hit(six, f"{mark}-first")  # connects, and teaches Redis the script
    began = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(_AT_ONCE)))
    seconds = time.perf_counter() - began
    singles = []
    for number in range(_SINGLES):
        before = time.perf_counter()
        await limiter.hit(six, f"{mark}-single-{number}")
        singles.append((time.perf_counter() - before) * 1000)
    return {
        "granted": granted,
        "denied": denied,
        "seconds": seconds,
        "single_ms": sorted(singles)[_SINGLES // 2],
    }


if __name__ == "__main__":
    url, mark, fans = sys.argv[1:]
    print(json.dumps(uvloop.run(_measure(url, mark, int(fans)))))
