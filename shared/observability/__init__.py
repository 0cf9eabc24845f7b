"""Structured logs, metrics and traces of every process."""

from shared.observability import metrics, tracing
from shared.observability.logs import configure_logs

__all__ = ["configure_logs", "metrics", "tracing"]
