"""How a time is written wherever somebody outside reads it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


def written(at: datetime) -> str:
    """As in RFC 3339: UTC, `Z`, milliseconds."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _times_in(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict):
        if schema.get("type") == "datetime":
            yield schema
        schema = list(schema.values())
    if isinstance(schema, list | tuple):
        for below in schema:
            yield from _times_in(below)


class Timed(BaseModel):
    """A model whose every `datetime` is written in that form, however deep in a field it stands."""

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Pydantic's schema, with its times written as ours."""
        schema = handler(source)
        for time in _times_in(schema):
            time["serialization"] = core_schema.plain_serializer_function_ser_schema(
                written, when_used="json"
            )
        return schema
