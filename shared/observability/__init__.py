"""Structured logs and metrics of every process."""

from shared.observability import metrics
from shared.observability.logs import configure_logs

__all__ = ["configure_logs", "metrics"]
