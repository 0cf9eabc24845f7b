"""Prometheus metrics, all in one module so that dashboards can be checked against them. No ids in labels."""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics import MetricWrapperBase

registry = CollectorRegistry()
ProcessCollector(registry=registry)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_Metric = TypeVar("_Metric", bound=MetricWrapperBase)

# ------------------------------------------------------------------------ events between services

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
sent = Counter(
    "messaging_client_sent_messages", "Envelopes put on a stream", ["stream"], registry=registry
)
operation_seconds = Histogram(
    "messaging_client_operation_duration_seconds",
    "One pipeline to Redis: send puts envelopes on streams, settle takes them off",
    ["operation"],
    buckets=_SECONDS,
    registry=registry,
)
inbox_oldest = Gauge(
    "inbox_oldest_unprocessed_seconds",
    "Age of the oldest envelope on the stream of a lane, 0 when there is none",
    ["service", "lane"],
    registry=registry,
)
lane_entries = Gauge(
    "lane_entries", "Envelopes on the stream of a lane", ["service", "lane"], registry=registry
)
quarantined = Counter(
    "quarantined_envelopes", "Envelopes put aside", ["service", "lane"], registry=registry
)
quarantine_size = Gauge(
    "quarantine_envelopes", "Envelopes that wait for a person", ["service"], registry=registry
)
outbox_rows = Gauge(
    "outbox_unacknowledged_rows", "Rows nobody acknowledged yet", ["service"], registry=registry
)
outbox_oldest = Gauge(
    "outbox_oldest_seconds", "Age of the oldest such row", ["service"], registry=registry
)

# --------------------------------------------------------------------------------------- processes

loop_lag = Gauge(
    "event_loop_lag_seconds",
    "How late a one-second sleep woke, the worst of the last fifteen",
    registry=registry,
)
heartbeat_age = Gauge(
    "heartbeat_age_seconds",
    "Since the newest heartbeat of any process of that role",
    ["process"],
    registry=registry,
)
neighbour_up = Gauge(
    "neighbour_up", "Whether postgresql, redis answered last time", ["neighbour"], registry=registry
)
pool_in_use = Gauge(
    "pool_in_use",
    "Connections that are lent, by the service they belong to",
    ["pool"],
    registry=registry,
)
pool_limit = Gauge(
    "pool_limit", "Connections that may be lent at most", ["pool"], registry=registry
)
http_requests = Counter(
    "http_requests", "Answers by status", ["service", "status"], registry=registry
)
http_seconds = Histogram(
    "http_server_request_duration_seconds",
    "One request by the template of its route, empty where no route matched",
    ["service", "method", "route"],
    buckets=_SECONDS,
    registry=registry,
)
outgoing_seconds = Histogram(
    "http_client_request_duration_seconds",
    "One call to the platform, answered or not",
    buckets=_SECONDS,
    registry=registry,
)
api_over_limit = Counter(
    "api_over_limit", "Requests beyond the limit of their credential", ["result"], registry=registry
)

# ------------------------------------------------------------------- the platform and the quota

webhooks = Counter("webhook_intake", "Webhooks by result", ["result"], registry=registry)
webhook_apps_off = Gauge(
    "webhook_apps_off_current",
    "Douyin apps that are silent for too long, or whose webhooks were found switched off",
    registry=registry,
)
subscription_silence = Gauge(
    "webhook_subscription_last_event_seconds",
    "Since the last webhook of the ten Douyin apps that are silent for longest; rank 1 is the longest",
    ["rank"],
    registry=registry,
)
sends = Counter("send_attempts", "Attempts by outcome", ["outcome"], registry=registry)
authorisations_needed = Gauge(
    "authorisations_needed_current",
    "Accounts whose owner must authorise again",
    registry=registry,
)
send_unknown = Gauge("send_unknown_current", "Attempts that may have been sent", registry=registry)
send_unknown_oldest = Gauge(
    "send_unknown_oldest_seconds", "Since the oldest of them became unknown", registry=registry
)
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

# ------------------------------------------------------------------ webhooks to organizations

webhook_attempts = Counter(
    "webhook_attempts", "Requests to webhook endpoints by result", ["result"], registry=registry
)
webhook_seconds = Histogram(
    "webhook_request_duration_seconds",
    "One request to a webhook endpoint, answered or not",
    buckets=_SECONDS,
    registry=registry,
)
webhook_deliveries = Counter(
    "webhook_deliveries", "Webhooks to endpoints by how they ended", ["result"], registry=registry
)
webhook_oldest = Gauge(
    "webhook_delivery_oldest_seconds",
    "How long the delivery that waits longest is overdue",
    registry=registry,
)
webhook_failing = Gauge(
    "webhook_endpoints_failing_current",
    "Endpoints that took nothing for four tries or more",
    registry=registry,
)

# ------------------------------------------------------------------------------------------ rules

decision_seconds = Histogram(
    "rule_decision_duration_seconds",
    "One decision on what a fan did: rules matched, conditions asked",
    buckets=(0.00001, 0.000025, 0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.005, 0.025, 0.1),
    registry=registry,
)
lead_stages = Counter(
    "lead_stage_asked",
    "Stages that rules asked for, by what became of it",
    ["outcome"],
    registry=registry,
)

# ------------------------------------------------------------------------------ people who answer

promises = Counter(
    "response_promises",
    "Steps of running response clocks: warned, breached, escalated",
    ["measure", "step"],
    registry=registry,
)
promises_broken = Gauge(
    "response_overdue_current",
    "Fans who still wait behind the promised time",
    ["measure"],
    registry=registry,
)
hand_offs = Gauge(
    "hand_offs_current", "Conversations with people, or waiting", ["stage"], registry=registry
)
hand_off_oldest = Gauge(
    "hand_off_oldest_seconds",
    "Since the oldest conversation at this stage was handed over",
    ["stage"],
    registry=registry,
)
listeners = Gauge(
    "agent_streams_current", "Open streams of live updates in this process", registry=registry
)


class _SinceLast:
    """Seconds since something happened last in this process; no number before the first time."""

    def __init__(self, gauge: Gauge) -> None:
        self._at = math.nan
        gauge.set_function(lambda: time.monotonic() - self._at)

    def now(self) -> None:
        """It happens now."""
        self._at = time.monotonic()


webhook_heard = _SinceLast(
    Gauge(
        "webhook_door_last_event_seconds",
        "Since this process stored a webhook, or opened its door; NaN where there is no door",
        registry=registry,
    )
)


class _Worst:
    """The worst of the last values: a spike between two scrapes is still seen by the next one."""

    def __init__(self, gauge: Gauge, kept: int) -> None:
        self._gauge, self._last = gauge, deque[float](maxlen=kept)

    def add(self, value: float) -> None:
        """One more value."""
        self._last.append(value)
        self._gauge.set(max(self._last))


worst_loop_lag = _Worst(loop_lag, 15)


@cache
def child(metric: _Metric, *labels: str) -> _Metric:
    """`metric.labels(*labels)`, remembered: looking it up for each message would cost more than counting."""
    return metric.labels(*labels)


@contextmanager
def timed(histogram: Histogram) -> Iterator[None]:
    """Time a block, also one that fails."""
    began = time.perf_counter()
    try:
        yield
    finally:
        histogram.observe(time.perf_counter() - began)


@contextmanager
def handled(service: str, kind: str, count: int) -> Iterator[None]:
    """Time one handler call and count what it handled."""
    began = time.perf_counter()
    yield
    child(process_seconds, service, kind).observe(time.perf_counter() - began)
    child(consumed, service, kind).inc(count)


def watch_pool(pool: str, limit: int, in_use: Callable[[], int]) -> None:
    """Show a pool: how much of it is lent is asked when somebody looks."""
    pool_limit.labels(pool).set(limit)
    pool_in_use.labels(pool).set_function(in_use)


def render() -> bytes:
    """The exposition text."""
    return generate_latest(registry)
