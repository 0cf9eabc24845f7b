"""Metrics: cheap to count, and a spike is not lost between two looks."""

import math

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.metrics import MetricWrapperBase

from shared.observability import metrics

# Labels that may be told apart by anybody who looks: words of ours, never ids.
LABELS = {
    *("service", "lane", "type", "stream", "process", "neighbour", "pool", "status", "method"),
    *("operation", "route", "rank", "result", "outcome", "how", "purpose", "answer"),
    *("measure", "stage", "step"),
}
PROMISED = {
    "inbox_oldest_unprocessed_seconds",
    "outbox_oldest_seconds",
    "send_unknown_current",
    "send_unknown_resolved",
    "quota_ledger_drift",
    "webhook_subscription_last_event_seconds",
    "webhook_door_last_event_seconds",
    "event_loop_lag_seconds",
    "pool_in_use",
    "late_echo",
}


def shown(gauge: Gauge) -> float:
    (family,) = gauge.collect()
    return family.samples[0].value


def test_every_promised_metric_is_there_and_no_label_holds_an_id() -> None:
    ours = [c for c in metrics.registry._collector_to_names if isinstance(c, MetricWrapperBase)]
    assert {c._name for c in ours} >= PROMISED
    assert {label for c in ours for label in c._labelnames} <= LABELS


def test_what_never_happened_here_has_no_age_and_hides_no_other() -> None:
    gauge = Gauge("silence", "For this test", registry=CollectorRegistry())
    heard = metrics._SinceLast(gauge)
    assert math.isnan(shown(gauge))
    heard.now()
    assert 0 <= shown(gauge) < 1


def test_a_child_is_looked_up_once() -> None:
    counter = Counter("letters", "For this test", ["kind"], registry=CollectorRegistry())
    assert metrics.child(counter, "a") is metrics.child(counter, "a")
    metrics.child(counter, "a").inc(2)
    assert counter.labels("a")._value.get() == 2
    assert counter.labels("b")._value.get() == 0


def test_the_worst_of_the_last_values_is_shown_until_it_is_old() -> None:
    gauge = Gauge("lag", "For this test", registry=CollectorRegistry())
    worst = metrics._Worst(gauge, kept=3)
    seen = []
    for value in (0.1, 2.0, 0.1, 0.1, 0.1):
        worst.add(value)
        seen.append(gauge._value.get())
    assert seen == [0.1, 2.0, 2.0, 2.0, 0.1]
