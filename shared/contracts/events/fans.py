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
