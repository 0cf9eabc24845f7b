"""Named places where a test may kill, delay or break the process.

`FAILPOINT="send.after_write=kill9:p0.02;inbox.before_200=sleep:3"`. `block` is a `sleep` in which the
whole process stands still. Without the variable a failpoint costs one look at an empty dict.
"""

import asyncio
import os
import random
import signal
import sys
import time
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
        try:
            actions[name] = _action(*what.split(":"))
        except ValueError as error:
            raise ValueError(f"FAILPOINT: {part!r} makes no sense: {error}") from error
        if not name:
            raise ValueError(f"FAILPOINT: {part!r} names no place")
    return actions


def _action(verb: str, *options: str) -> _Action:
    if verb not in {"kill9", "sleep", "block", "raise"}:
        raise ValueError(f"no action named {verb!r}")
    seconds, probability = 0.0, 1.0
    for option in options:
        if option.startswith("p"):
            probability = float(option[1:])
        else:
            seconds = float(option)
    if seconds < 0 or (verb in {"sleep", "block"}) != (seconds > 0):
        raise ValueError("seconds belong to `sleep` and `block`, and only there")
    if not 0 <= probability <= 1:
        raise ValueError("a probability is between 0 and 1")
    return _Action(verb, seconds, probability)


_ACTIVE = _parse(os.environ.get("FAILPOINT", ""))
_DICE = random.Random(os.environ.get("FAILPOINT_SEED"))


async def failpoint(name: str) -> None:
    """Do what the environment planned for this place; usually nothing."""
    action = _ACTIVE.get(name)
    if action is None or _DICE.random() >= action.probability:
        return
    sys.stderr.write(
        f"failpoint {name}: {action.verb}\n"
    )  # a run must be able to show that it struck
    sys.stderr.flush()
    match action.verb:
        case "kill9":
            os.kill(os.getpid(), signal.SIGKILL)
        case "sleep":
            await asyncio.sleep(action.seconds)
        case "block":
            time.sleep(action.seconds)  # noqa: ASYNC251  that is what it is for
        case "raise":
            raise FailpointHit(name)
