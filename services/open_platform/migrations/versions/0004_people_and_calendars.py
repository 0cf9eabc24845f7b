"""When people work, and when they are called: opening hours, holidays, hand-off after misses.

The holidays are those that the State Council announced; its next announcement is a row of its own.
"""

import json
from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

PROFILES = {
    "seed_2021": datetime.fromisoformat("2021-07-27T00:00:00+08:00"),
    "openapi_2025": datetime.fromisoformat("2025-01-01T00:00:00+08:00"),
}
HOLIDAYS = [
    *("2025-01-01", "2025-01-28/2025-02-04", "2025-04-04/2025-04-06", "2025-05-01/2025-05-05"),
    *("2025-05-31/2025-06-02", "2025-10-01/2025-10-08"),
    *("2026-01-01/2026-01-03", "2026-02-15/2026-02-23", "2026-04-04/2026-04-06"),
    *("2026-05-01/2026-05-05", "2026-06-19/2026-06-21", "2026-09-25/2026-09-27"),
    "2026-10-01/2026-10-07",
]
MAKEUP_DAYS = [
    *("2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11"),
    *("2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10"),
]
STATE_COUNCIL = "State Council, holidays of 2025 and 2026"
VALUES = [
    ("dm.handoff.misses", 2, "ours"),
    ("dm.handoff.queue_notice", "客服正忙，您前面还有 {ahead} 位，我们会尽快回复您。", "ours"),
    ("sla.human_escalates", False, "ours"),
    ("calendar.hours", None, "ours"),
    ("calendar.holidays", HOLIDAYS, STATE_COUNCIL),
    ("calendar.makeup_days", MAKEUP_DAYS, STATE_COUNCIL),
]
INSERT = sa.text(
    "INSERT INTO open_platform.platform_policy (profile, key, effective_from, value, source)"
    " VALUES (:profile, :key, :effective_from, CAST(:value AS jsonb), :source)"
)


def upgrade() -> None:
    """Apply."""
    rows = [
        {"profile": profile, "effective_from": since, "key": key, "source": source}
        | {"value": json.dumps(value)}
        for key, value, source in VALUES
        for profile, since in PROFILES.items()
    ]
    op.get_bind().execute(INSERT, rows)


def downgrade() -> None:
    """Take back."""
    keys = ", ".join(f"'{key}'" for key, _, _ in VALUES)
    op.execute(f"DELETE FROM open_platform.platform_policy WHERE key IN ({keys})")  # noqa: S608
