"""What the fan service does, one function a verb."""

from services.fans.actions.accounts import know_accounts
from services.fans.actions.deps import Deps
from services.fans.actions.fans import (
    Imported,
    Result,
    fan_tag,
    get_fan,
    import_fans,
    list_fans,
    note_follow_state,
    put_tier,
    record_checks,
    record_follows,
)
from services.fans.actions.leads import (
    assign,
    capture,
    contact_of,
    get_lead,
    list_history,
    list_leads,
    move,
    return_forgotten,
)
from services.fans.actions.stages import move_as_asked
from services.fans.store import LeadEvent, LeadFilter

__all__ = [
    "Deps",
    "Imported",
    "LeadEvent",
    "LeadFilter",
    "Result",
    "assign",
    "capture",
    "contact_of",
    "fan_tag",
    "get_fan",
    "get_lead",
    "import_fans",
    "know_accounts",
    "list_fans",
    "list_history",
    "list_leads",
    "move",
    "move_as_asked",
    "note_follow_state",
    "put_tier",
    "record_checks",
    "record_follows",
    "return_forgotten",
]
