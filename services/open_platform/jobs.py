"""Time in: rows of a profile take effect at their time; old deliveries are forgotten."""

from datetime import timedelta
from functools import partial

from services.open_platform.actions.deps import Deps
from services.open_platform.actions.policies import follow_time
from services.open_platform.actions.webhook_deliveries import forget
from shared.queue import Tick

_EVERY_MINUTE = 60
_EVERY_FIVE_MINUTES = 300


def ticks(deps: Deps, deliveries_kept: timedelta) -> list[Tick]:
    """What runs on a schedule."""
    clean = partial(forget, deps.database, deliveries_kept)
    return [
        Tick("open_platform.follow_time", _EVERY_MINUTE, partial(follow_time, deps)),
        Tick("open_platform.forget_deliveries", _EVERY_FIVE_MINUTES, clean),
    ]
