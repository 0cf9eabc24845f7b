"""What the fan service tells."""

from datetime import datetime

from shared.contracts.envelope import Event


class FollowChanged(Event):
    """A fan follows the account, or no longer does, as observed at that time (subject: the fan)."""

    type = "fans.follow_changed"

    open_id: str
    follows: bool
    observed_at: datetime
    epoch: int  # counts follows: a second follow is another epoch


class TierChanged(Event):
    """A fan is in another tier, or by another rule (subject: the fan)."""

    type = "fans.tier_changed"

    open_id: str
    tier: str  # none, potential, passer_by, goodwill, true_love
    rule_version: str  # by what it was reckoned
    fan_version: int  # grows with every change of the fan: a lower one is older


class LeadChanged(Event):
    """A lead is new, was touched again, moved on, or has another assignee (subject: the lead)."""

    type = "fans.lead_changed"

    lead_id: str
    open_id: str
    change: str  # created, touched, stage, assignee
    stage: str
    reason: str | None  # of a stage that ends a lead
    assignee: str | None
    touches: int
    reopens: str | None  # the lead that ended before
