"""PostgreSQL of the quota service: the only SQL."""

from services.quota.store.buckets import (
    followers,
    lock_buckets,
    open_buckets,
    peek_buckets,
    policies_of,
    save_buckets,
)
from services.quota.store.reports import (
    Checked,
    HistoryRow,
    Overdue,
    claim_overdue,
    drift,
    history,
    lapsed,
    save_facts,
    save_policies,
)
from services.quota.store.reservations import (
    NewEntry,
    Reserved,
    add_reservations,
    count_settled,
    lines_of,
    record,
    reserved,
)
from services.quota.store.tables import ONE_OPERATION, metadata

__all__ = [
    "ONE_OPERATION",
    "Checked",
    "HistoryRow",
    "NewEntry",
    "Overdue",
    "Reserved",
    "add_reservations",
    "claim_overdue",
    "count_settled",
    "drift",
    "followers",
    "history",
    "lapsed",
    "lines_of",
    "lock_buckets",
    "metadata",
    "open_buckets",
    "peek_buckets",
    "policies_of",
    "record",
    "reserved",
    "save_buckets",
    "save_facts",
    "save_policies",
]
