"""What the quota service tells."""

from datetime import datetime

from shared.contracts.envelope import Event


class ThresholdReached(Event):
    """A limit crossed one of its warning marks (subject: the bucket)."""

    type = "quota.threshold_reached"

    limit: str
    quota_subject: str
    window_id: str
    mark: float  # share of the cap, 0.8 or 1.0
    used: int
    held: int
    cap: int


class ReservationOverdue(Event):
    """A hold outlived its lease (subject: the reservation); whoever holds the operation answers."""

    type = "quota.reservation_overdue"

    operation_id: str
    reservation_id: str
    held_since: datetime
