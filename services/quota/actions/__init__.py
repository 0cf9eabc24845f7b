"""What can be done with quota: reserve, settle, peek, report, learn."""

from services.quota.actions.deps import Deps
from services.quota.actions.drift import DriftCheck
from services.quota.actions.learning import learn_follow_states, learn_policies
from services.quota.actions.reporting import (
    lapse_old_windows,
    list_history,
    report_overdue,
)
from services.quota.actions.reserving import peek, reserve
from services.quota.actions.settling import Settlement, settle

__all__ = [
    "Deps",
    "DriftCheck",
    "Settlement",
    "lapse_old_windows",
    "learn_follow_states",
    "learn_policies",
    "list_history",
    "peek",
    "report_overdue",
    "reserve",
    "settle",
]
