"""Endpoints of organizations. A secret is sealed before it comes here. Times are PostgreSQL's own `now()`."""

# ruff: noqa: S608  statements are put together from constants only

from dataclasses import dataclass, fields
from datetime import timedelta

import sqlalchemy as sa

from services.open_platform.domain.webhooks import DisabledReason, Endpoint, EndpointState
from shared.db import Row, Tx

_SHOWN = ", ".join(field.name for field in fields(Endpoint))
_OWN = "organization_id = :organization AND id = :id AND state <> 'deleted'"
_INSERT = sa.text(
    "INSERT INTO webhook_endpoint (organization_id, id, url, description, event_types, state,"
    " secret, row_version) VALUES (:organization, :id, :url, :description,"
    f" CAST(:event_types AS text[]), 'enabled', :secret, 1) RETURNING {_SHOWN}"
)
_COUNT = sa.text(
    "SELECT count(*) FROM webhook_endpoint WHERE organization_id = :organization"
    " AND state <> 'deleted'"
)
_FIND = sa.text(f"SELECT {_SHOWN} FROM webhook_endpoint WHERE {_OWN}")
_LOCK = sa.text(f"SELECT {_SHOWN} FROM webhook_endpoint WHERE {_OWN} FOR UPDATE")
_LIST = sa.text(
    f"SELECT {_SHOWN} FROM webhook_endpoint WHERE organization_id = :organization"
    " AND id > :after AND state <> 'deleted' ORDER BY id LIMIT :most"
)
_SAVE = sa.text(
    "UPDATE webhook_endpoint SET url = :url, description = :description,"
    " event_types = CAST(:event_types AS text[]), state = :state,"
    " disabled_reason = :disabled_reason, failing_since = :failing_since,"
    f" row_version = row_version + 1, updated_at = now() WHERE {_OWN} RETURNING {_SHOWN}"
)
_ROTATE = sa.text(
    "UPDATE webhook_endpoint SET secret = :secret, previous_secret = :previous,"
    " previous_secret_until = now() + CAST(:overlap AS interval),"
    f" row_version = row_version + 1, updated_at = now() WHERE {_OWN} RETURNING {_SHOWN}"
)
_SECRET = sa.text(f"SELECT secret FROM webhook_endpoint WHERE {_OWN}")
_DELETE = sa.text(
    "UPDATE webhook_endpoint SET state = 'deleted', disabled_reason = NULL, secret = '',"
    f" previous_secret = NULL, previous_secret_until = NULL, updated_at = now() WHERE {_OWN}"
)


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """What is kept of a new endpoint."""

    organization: str
    id: str
    url: str
    description: str
    event_types: list[str]
    secret: str  # sealed


_FORGET_DELETED = sa.text(
    "DELETE FROM webhook_endpoint e WHERE e.state = 'deleted' AND NOT EXISTS"
    " (SELECT FROM webhook_delivery d WHERE d.organization_id = e.organization_id"
    " AND d.endpoint_id = e.id OFFSET 0)"  # looked up for each, never joined
)


async def insert_endpoint(tx: Tx, new: NewEndpoint) -> Endpoint:
    """Keep a new endpoint."""
    values = {field.name: getattr(new, field.name) for field in fields(new)}
    return _read((await tx.execute(_INSERT, values)).one())


async def count_endpoints(tx: Tx, organization_id: str) -> int:
    """How many the organization has."""
    return int((await tx.execute(_COUNT, {"organization": organization_id})).scalar())


async def find_endpoint(tx: Tx, organization_id: str, endpoint_id: str) -> Endpoint | None:
    """The endpoint, if it is one of the organization."""
    asked = {"organization": organization_id, "id": endpoint_id}
    row = (await tx.execute(_FIND, asked)).first()
    return _read(row) if row else None


async def lock_endpoint(tx: Tx, organization_id: str, endpoint_id: str) -> Endpoint | None:
    """The endpoint, which nobody else can change until the transaction ends."""
    asked = {"organization": organization_id, "id": endpoint_id}
    row = (await tx.execute(_LOCK, asked)).first()
    return _read(row) if row else None


async def list_endpoints(tx: Tx, organization_id: str, after: str, most: int) -> list[Endpoint]:
    """Endpoints behind the id `after`, oldest first."""
    asked = {"organization": organization_id, "after": after, "most": most}
    return [_read(row) for row in await tx.execute(_LIST, asked)]


async def save_endpoint(tx: Tx, changed: Endpoint) -> Endpoint:
    """Keep a locked endpoint as its next version."""
    values = {
        "organization": changed.organization_id,
        "id": changed.id,
        "url": changed.url,
        "description": changed.description,
        "event_types": list(changed.event_types),
        "state": changed.state,
        "disabled_reason": changed.disabled_reason,
        "failing_since": changed.failing_since,
    }
    return _read((await tx.execute(_SAVE, values)).one())


async def sealed_secret(tx: Tx, organization_id: str, endpoint_id: str) -> str:
    """The secret that signs now, of a locked endpoint."""
    asked = {"organization": organization_id, "id": endpoint_id}
    return str((await tx.execute(_SECRET, asked)).one().secret)


async def rotate_secret(
    tx: Tx, endpoint: Endpoint, secret: str, previous: str, overlap: timedelta
) -> Endpoint:
    """Let `secret` sign, and for that long `previous` too; what was before both signs no more."""
    values = {"organization": endpoint.organization_id, "id": endpoint.id, "secret": secret}
    rotated = await tx.execute(_ROTATE, {**values, "previous": previous, "overlap": overlap})
    return _read(rotated.one())


async def delete_endpoint(tx: Tx, organization_id: str, endpoint_id: str) -> None:
    """Forget its secrets; nothing is sent there any more."""
    await tx.execute(_DELETE, {"organization": organization_id, "id": endpoint_id})


async def forget_deleted(tx: Tx) -> None:
    """Delete endpoints that their owners deleted, when nothing shows them any more."""
    await tx.execute(_FORGET_DELETED)


def _read(row: Row) -> Endpoint:
    reason = row.disabled_reason
    return Endpoint(
        **{
            **row,
            "event_types": tuple(row.event_types),
            "state": EndpointState(row.state),
            "disabled_reason": DisabledReason(reason) if reason else None,
        }
    )
