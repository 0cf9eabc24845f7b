"""The one envelope of all traffic between services."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar, Self

import orjson
from pydantic import BaseModel, ConfigDict

from shared import ids


class Event(BaseModel):
    """A fact that one service tells others. Hearers ignore fields that they do not know."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    type: ClassVar[str]
    version: ClassVar[int] = 1


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose event it is and which inbound started the chain.

    `is_late`: something in the chain had to wait, so what is new goes before what comes of it at once.
    What is told later, from what is stored, is new.
    """

    organization_id: str
    account_id: str
    cause: str
    trace: str
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Envelope:
    """An event on its way. `data` holds what the event's model dumps; `id` is what inboxes de-duplicate on."""

    id: str
    type: str
    version: int
    organization_id: str
    account_id: str
    subject: str
    subject_seq: int
    cause: str
    occurred_at: datetime
    trace: str
    data: dict[str, Any]
    is_late: bool = False

    @classmethod
    def of(cls, event: Event, origin: Origin, *, subject: str, seq: int, at: datetime) -> Self:
        """Wrap `event`; `subject` is the thing whose order counts, `at` is business time (UTC)."""
        return cls(
            id=ids.new("evt"),
            type=event.type,
            version=event.version,
            organization_id=origin.organization_id,
            account_id=origin.account_id,
            subject=subject,
            subject_seq=seq,
            cause=origin.cause,
            occurred_at=at,
            trace=origin.trace,
            data=event.model_dump(mode="json"),
            is_late=origin.is_late,
        )

    @property
    def sender(self) -> str:
        """The service that sent it: the first word of the type."""
        return self.type.partition(".")[0]

    @property
    def origin(self) -> Origin:
        """What an event caused by this one inherits."""
        return Origin(self.organization_id, self.account_id, self.cause, self.trace, self.is_late)

    def dump(self) -> bytes:
        """JSON bytes, as stored in the outbox and carried by the stream."""
        return orjson.dumps(
            {
                "id": self.id,
                "type": self.type,
                "version": self.version,
                "tenant": {"organization_id": self.organization_id, "account_id": self.account_id},
                "subject": self.subject,
                "subject_seq": self.subject_seq,
                "cause": self.cause,
                "occurred_at": self.occurred_at.astimezone(UTC).isoformat(timespec="milliseconds"),
                "trace": self.trace,
                "data": self.data,
                **({"late": True} if self.is_late else {}),
            }
        )

    @classmethod
    def load(cls, raw: bytes, *, is_late: bool = False) -> Self:
        """Read JSON bytes, of something late if they or `is_late` say so.

        Raises ValueError, KeyError or TypeError when they are no envelope.
        """
        fields = orjson.loads(raw)
        if not (isinstance(fields["id"], str) and isinstance(fields["type"], str)):
            raise TypeError("id and type must be text")
        if not isinstance(fields["data"], dict):
            raise TypeError("data must be an object")
        return cls(
            id=fields["id"],
            type=fields["type"],
            version=fields["version"],
            organization_id=fields["tenant"]["organization_id"],
            account_id=fields["tenant"]["account_id"],
            subject=fields["subject"],
            subject_seq=fields["subject_seq"],
            cause=fields["cause"],
            occurred_at=datetime.fromisoformat(fields["occurred_at"]),
            trace=fields["trace"],
            data=fields["data"],
            is_late=is_late or fields.get("late") is True,
        )
