"""PostgreSQL of the fan service: the only SQL."""

from services.fans.store.accounts import dedupe_days, is_known, know_accounts
from services.fans.store.fans import Key, find_fan, list_fans, lock, meet, save
from services.fans.store.leads import (
    LeadEvent,
    LeadFilter,
    add_events,
    find_lead,
    forgotten,
    guard,
    list_events,
    list_leads,
    lock_lead,
    newest_of_fan,
    newest_of_phone,
    put_lead,
)
from services.fans.store.tables import metadata

__all__ = [
    "Key",
    "LeadEvent",
    "LeadFilter",
    "add_events",
    "dedupe_days",
    "find_fan",
    "find_lead",
    "forgotten",
    "guard",
    "is_known",
    "know_accounts",
    "list_events",
    "list_fans",
    "list_leads",
    "lock",
    "lock_lead",
    "meet",
    "metadata",
    "newest_of_fan",
    "newest_of_phone",
    "put_lead",
    "save",
]
