"""Prometheus metrics, all in one module so that dashboards can be checked against them. No ids in labels."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

registry = CollectorRegistry()
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)

consumed = Counter(
    "messaging_client_consumed_messages",
    "Envelopes handled",
    ["service", "type"],
    registry=registry,
)
process_seconds = Histogram(
    "messaging_process_duration_seconds",
    "One handler call",
    ["service", "type"],
    buckets=_SECONDS,
    registry=registry,
)
quarantined = Counter(
    "quarantined_envelopes", "Envelopes put aside", ["service", "lane"], registry=registry
)
outbox_rows = Gauge(
    "outbox_unacknowledged_rows", "Rows nobody acknowledged yet", ["service"], registry=registry
)
outbox_oldest = Gauge(
    "outbox_oldest_seconds", "Age of the oldest such row", ["service"], registry=registry
)
loop_lag = Gauge("event_loop_lag_seconds", "How late a one-second sleep woke", registry=registry)
http_requests = Counter(
    "http_requests", "Answers by status", ["service", "status"], registry=registry
)

webhooks = Counter("webhook_intake", "Webhooks by result", ["result"], registry=registry)
sends = Counter("send_attempts", "Attempts by outcome", ["outcome"], registry=registry)
send_unknown = Gauge("send_unknown_current", "Attempts that may have been sent", registry=registry)
unknown_resolved = Counter(
    "send_unknown_resolved", "How unknown attempts ended", ["how"], registry=registry
)
late_echo = Counter("late_echo", "Echoes of attempts that were given up", registry=registry)
ledger_drift = Gauge(
    "quota_ledger_drift", "Buckets whose counters differ from the ledger", registry=registry
)
quota_answers = Counter(
    "quota_answers", "Reservations by answer", ["purpose", "answer"], registry=registry
)


@contextmanager
def handled(service: str, kind: str, count: int) -> Iterator[None]:
    """Time one handler call and count what it handled."""
    began = time.perf_counter()
    yield
    process_seconds.labels(service, kind).observe(time.perf_counter() - began)
    consumed.labels(service, kind).inc(count)


def render() -> bytes:
    """The exposition text."""
    return generate_latest(registry)
