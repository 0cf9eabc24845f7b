"""JSON logs: stable event names plus fields; ids, never texts, phone numbers or tokens."""

import logging
import sys
import traceback
from collections.abc import Iterator, Sequence
from typing import Final

import orjson
import structlog
from structlog.typing import EventDict, Processor

from shared.observability.tracing import name_trace

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logs(level: str, process: str) -> None:
    """One JSON object a line on standard error. `level`: debug, info, warning or error."""
    structlog.configure(
        processors=[*PROCESSORS],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler()
    handler.setFormatter(_Libraries())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def outline(error: BaseException) -> list[str]:
    """Kinds and places of an exception and of its causes. What one says may be a text: that only where it quotes nothing."""
    return list(_outlined(error, set()))


def _outlined(error: BaseException, seen: set[int]) -> Iterator[str]:
    if id(error) in seen:
        return
    seen.add(id(error))
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    yield f"{kind}: {error}" if getattr(error, "quotes_nothing", False) else kind
    for frame, line in traceback.walk_tb(error.__traceback__):
        yield f"  {frame.f_globals.get('__name__')}:{line} {frame.f_code.co_name}"
    for part in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from _outlined(part, seen)
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _outlined(before, seen)


def _outline_exception(_logger: object, _method: str, fields: EventDict) -> EventDict:
    told = fields.pop("exc_info", None)
    error = told if isinstance(told, BaseException) else sys.exception() if told else None
    if error is not None:
        fields["exception"] = outline(error)
    return fields


PROCESSORS: Final[Sequence[Processor]] = (
    structlog.contextvars.merge_contextvars,
    name_trace,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    _outline_exception,
    structlog.processors.JSONRenderer(
        serializer=lambda fields, **_: orjson.dumps(fields, default=str).decode()
    ),
)


class _Libraries(logging.Formatter):
    """A line of a library: its level, its logger and an exception's outline; its words may be texts."""

    def format(self, record: logging.LogRecord) -> str:
        fields: dict[str, object] = {"level": record.levelname, "event": record.name}
        if record.exc_info and record.exc_info[1] is not None:
            fields["exception"] = outline(record.exc_info[1])
        return orjson.dumps(fields).decode()
