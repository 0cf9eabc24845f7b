"""Time in: a row of a profile takes effect at its time, and those concerned hear of it."""

from functools import partial

from services.open_platform.actions.deps import Deps
from services.open_platform.actions.policies import follow_time
from shared.queue import Tick

_EVERY_MINUTE = 60


def ticks(deps: Deps) -> list[Tick]:
    """What runs on a schedule."""
    return [Tick("open_platform.follow_time", _EVERY_MINUTE, partial(follow_time, deps))]
