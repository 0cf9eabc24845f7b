"""What rules may say: hosts that links may lead to, claims that need a reason; bursts of messages."""

import json
from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

PROFILES = {
    "seed_2021": datetime.fromisoformat("2021-07-27T00:00:00+08:00"),
    "openapi_2025": datetime.fromisoformat("2025-01-01T00:00:00+08:00"),
}
ABSOLUTE = [
    *("国家级", "最高级", "最佳", "世界级", "顶级", "极品", "第一品牌", "全国第一", "销量第一"),
    *("全网最低", "独一无二", "史无前例", "绝无仅有"),
]
VALUES = [
    ("dm.text.allowed_hosts", [], "ours"),
    ("content.absolute_words", ABSOLUTE, "law (Advertising Law 9); the list is ours"),
    ("dm.auto_reply.join_seconds", 0, "ours"),
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
