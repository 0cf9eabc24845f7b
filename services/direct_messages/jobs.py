"""Time in: recalls that came before their message, replays of rules."""

from functools import partial

from services.direct_messages import actions
from services.direct_messages.actions import Deps
from shared.queue import Tick


def ticks(deps: Deps) -> list[Tick]:
    """What runs at fixed times."""
    return [
        Tick("direct_messages.apply_recalls", 60, partial(actions.apply_recalls, deps)),
        Tick("direct_messages.run_replays", 5, partial(actions.run_replays, deps)),
    ]
