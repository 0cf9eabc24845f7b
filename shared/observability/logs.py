"""JSON logs: stable event names plus fields; ids, never texts, phone numbers or tokens."""

import logging
import sys

import orjson
import structlog

from shared.observability.tracing import name_trace

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logs(level: str, process: str) -> None:
    """One JSON object a line on standard error. `level`: debug, info, warning or error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            name_trace,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(
                serializer=lambda fields, **_: orjson.dumps(fields, default=str).decode()
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    logging.basicConfig(
        level=logging.WARNING, format='{"level":"%(levelname)s","event":"%(name)s"}', force=True
    )
