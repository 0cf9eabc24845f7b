"""The schema, and the column types that its tables share."""

import sqlalchemy as sa

from shared.db import spine_metadata

metadata = spine_metadata("douyin")

TIME = sa.DateTime(timezone=True)
NOW = sa.text("now()")
