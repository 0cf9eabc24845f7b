"""How long a page entry counts as what brought a lead: as long as a push counts for what follows it."""

import json
from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

PROFILES = {
    "seed_2021": datetime.fromisoformat("2021-07-27T00:00:00+08:00"),
    "openapi_2025": datetime.fromisoformat("2025-01-01T00:00:00+08:00"),
}
VALUES = [("lead.attribution_days", 7, "ours")]
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
