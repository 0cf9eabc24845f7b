"""The holidays say where they are from: the notices were compared with them, day by day."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

BEFORE = "State Council, holidays of 2025 and 2026"
AFTER = (
    "State Council General Office (国务院办公厅): 国办发明电〔2024〕12号 of 2024-11-12 for 2025,"
    " 国办发明电〔2025〕7号 of 2025-11-04 for 2026"
)
SET = sa.text(
    "UPDATE open_platform.platform_policy SET source = :source"
    " WHERE key IN ('calendar.holidays', 'calendar.makeup_days')"
)


def upgrade() -> None:
    """Apply."""
    op.get_bind().execute(SET, {"source": AFTER})


def downgrade() -> None:
    """Take back."""
    op.get_bind().execute(SET, {"source": BEFORE})
