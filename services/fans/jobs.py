"""Time in: leads that nobody takes care of."""

from functools import partial

from services.fans import actions
from services.fans.actions import Deps
from shared.queue import Tick


def ticks(deps: Deps) -> list[Tick]:
    """Forgotten leads go back to the pool, looked for every minute."""
    return [Tick("fans.forgotten_leads", 60, partial(actions.return_forgotten, deps))]
