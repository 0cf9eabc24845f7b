"""Named places where a test may kill, delay or break the process.

`FAILPOINT="send.after_write=kill9:p0.02;inbox.before_200=sleep:3"`. Without the variable a failpoint
costs one look at an empty dict.
"""

import asyncio
import os
import random
import signal
from dataclasses import dataclass


class FailpointHit(Exception):
    """Raised by the action `raise`."""


@dataclass(frozen=True, slots=True)
class _Action:
    verb: str
    seconds: float
    probability: float


def _parse(text: str) -> dict[str, _Action]:
    actions = {}
    for part in filter(None, (p.strip() for p in text.split(";"))):
        name, _, what = part.partition("=")
        verb, *options = what.split(":")
        seconds, probability = 0.0, 1.0
        for option in options:
            if option.startswith("p"):
                probability = float(option[1:])
            else:
                seconds = float(option)
        actions[name] = _Action(verb, seconds, probability)
    return actions


_ACTIVE = _parse(os.environ.get("FAILPOINT", ""))
_DICE = random.Random(os.environ.get("FAILPOINT_SEED"))


async def failpoint(name: str) -> None:
    """Do what the environment planned for this place; usually nothing."""
    action = _ACTIVE.get(name)
    if action is None or _DICE.random() >= action.probability:
        return
    match action.verb:
        case "kill9":
            os.kill(os.getpid(), signal.SIGKILL)
        case "sleep":
            await asyncio.sleep(action.seconds)
        case "raise":
            raise FailpointHit(name)
        case unknown:
            raise ValueError(f"failpoint {name}: no action named {unknown!r}")
