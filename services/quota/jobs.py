"""Time in: what quota does by itself."""

from functools import partial

from services.quota import actions
from services.quota.actions import Deps
from shared.queue import Tick


def ticks(deps: Deps) -> list[Tick]:
    """Overdue holds every 15 s; lapsed windows and a stretch of the drift check every minute."""
    return [
        Tick("quota.overdue", 15, partial(actions.report_overdue, deps)),
        Tick("quota.lapse", 60, partial(actions.lapse_old_windows, deps)),
        Tick("quota.drift", 60, actions.DriftCheck(deps).run),
    ]
