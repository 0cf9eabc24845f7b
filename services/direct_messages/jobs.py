"""Time in: recalls that came early, replays, bursts that are over, hand-offs, broken promises, fans who wait."""

from collections.abc import Callable
from functools import partial

from services.direct_messages import actions
from services.direct_messages.actions import Deps, Heard
from shared.contracts.envelope import Envelope
from shared.queue import Alarm, Tick

_SOON = 1.0  # whoever holds a piece pokes nobody: a burst may be decided so much later


def ticks(deps: Deps) -> list[Tick]:
    """What runs at fixed times."""
    return [
        Tick("direct_messages.apply_recalls", 60, partial(actions.apply_recalls, deps)),
        Tick("direct_messages.turn_hand_offs", 5, partial(actions.turn_hand_offs, deps)),
        Tick("direct_messages.watch_promises", 5, partial(actions.watch_promises, deps)),
        Tick("direct_messages.watch_waits", 5, partial(actions.watch_waits, deps)),
        Tick("direct_messages.forget_updates", 300, partial(actions.forget_updates, deps.database)),
        Tick("direct_messages.run_replays", 5, partial(actions.run_replays, deps)),
    ]


def alarms(deps: Deps, read: Callable[[Envelope], Heard]) -> list[Alarm]:
    """What is due at times that PostgreSQL knows; `read` turns a held envelope into what was said."""
    return [
        Alarm(
            "direct_messages.release_bursts",
            partial(actions.seconds_to_next_burst, deps),
            partial(actions.release_bursts, deps, read),
            longest=_SOON,
        )
    ]
