"""Alert rules: they use only names that the code emits, each can fire, and each says what to do."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from shared.observability import metrics
from tests.support.promql import Reader, Series

ROOT = Path(__file__).resolve().parents[3]
GROUPS = yaml.safe_load((ROOT / "deploy/prometheus/alerts.yaml").read_text("utf-8"))["groups"]
RULES: dict[str, dict[str, Any]] = {r["alert"]: r for group in GROUPS for r in group["rules"]}
RUNBOOK = (ROOT / "docs/operations.md").read_text("utf-8")

SCRAPED, JUDGED, MEASURED = 15, 10, 10  # seconds between two
BEGINS = 900  # when it goes wrong
At = Callable[[float], float]
Wrong = tuple[str, dict[str, str], At]


def known() -> dict[str, set[str]]:
    """Name on the wire → its labels."""
    of_the_scrape = {"instance", "job"}
    found = {s.name: of_the_scrape for f in metrics.registry.collect() for s in f.samples}
    for collector, names in metrics.registry._collector_to_names.items():
        if isinstance(collector, MetricWrapperBase):
            for name in names:
                bucket = {"le"} if name.endswith("_bucket") else set()
                found[name] = {*collector._labelnames, *bucket, *of_the_scrape}
    return found


KNOWN = known()


def unknown_words(expression: str) -> list[str]:
    """Names and labels in an expression that the code never emits."""
    read = Reader(expression).read()
    selected = [node for node in read.walk() if node.kind == "select"]
    wrong = [node.name for node in selected if node.name not in KNOWN]
    allowed: set[str] = set().union(*(KNOWN.get(node.name, set()) for node in selected))
    wrong += [
        label
        for node in selected
        for label, _, _ in node.labels
        if label not in KNOWN.get(node.name, ())
    ]
    grouped = [node for node in read.walk() if node.kind == "aggregate"]
    return wrong + [
        label for node in grouped for label, _, _ in node.labels if label not in allowed
    ]


@pytest.mark.parametrize("name", RULES)
def test_a_rule_uses_only_names_and_labels_of_the_code(name: str) -> None:
    assert unknown_words(RULES[name]["expr"]) == []


def test_a_wrong_name_or_label_is_seen() -> None:
    assert unknown_words("max(quota_ledger_drfit) > 0") == ["quota_ledger_drfit"]
    assert unknown_words('sum(send_attempts_total{result="failed"}) > 0') == ["result"]
    assert unknown_words("max by (tenant) (quota_ledger_drift) > 0") == ["tenant"]
    with pytest.raises(ValueError, match="no function"):
        unknown_words("topk(quota_ledger_drift)")


@pytest.mark.parametrize("name", RULES)
def test_a_rule_says_in_both_languages_what_is_wrong_and_the_runbook_what_to_do(name: str) -> None:
    said = RULES[name]["annotations"]
    assert set(said) == {"summary", "summary_zh"}
    assert RULES[name]["labels"]["severity"] in {"page", "ticket"}
    heading = f"### {name} · {said['summary_zh']}\n"
    assert heading in RUNBOOK
    assert len(RUNBOOK.partition(heading)[2].partition("\n#")[0].strip()) > 80


def test_the_runbook_names_no_alert_that_does_not_exist() -> None:
    assert set(re.findall(r"^### (\w+) · ", RUNBOOK, re.MULTILINE)) == set(RULES)


# ------------------------------------------------------------------------------ each one fires


def after(value: float, before: float = 0.0) -> At:
    """A gauge that jumps when it goes wrong."""
    return lambda t: value if t >= BEGINS else before


def growing(rate: float, before: float = 0.0) -> At:
    """A counter that grows by `rate` a second from then on, and by `before` until then."""
    return lambda t: before * min(t, BEGINS) + rate * max(t - BEGINS, 0)


def ageing(t: float) -> float:
    """The age of something that stands still, as it was measured last."""
    return max(t // MEASURED * MEASURED - BEGINS, 0)


DOOR = {"route": "/douyin/webhooks/*", "service": "douyin", "method": "POST"}
WRONG: dict[str, list[Wrong]] = {
    "QuotaLedgerDrift": [("quota_ledger_drift", {}, after(1))],
    "SendUnknownTooLong": [("send_unknown_oldest_seconds", {}, ageing)],
    "OwnersNeeded": [("authorisations_needed_current", {}, after(1))],
    "EnvelopesQuarantined": [("quarantine_envelopes", {"service": "fans"}, after(1))],
    "EchoesMatchNothing": [("late_echo_total", {}, growing(0.1))],
    "SendsOftenUnknown": [
        ("send_attempts_total", {"outcome": "sent"}, growing(10, 10)),
        ("send_attempts_total", {"outcome": "unknown"}, growing(1)),
    ],
    "SendsOftenFail": [
        ("send_attempts_total", {"outcome": "sent"}, growing(5, 10)),
        ("send_attempts_total", {"outcome": "failed"}, growing(5)),
    ],
    "OutboxOld": [("outbox_oldest_seconds", {"service": "douyin"}, ageing)],
    "LaneOld": [
        ("inbox_oldest_unprocessed_seconds", {"service": "quota", "lane": "settled"}, ageing)
    ],
    "WebhooksSilent": [("webhook_door_last_event_seconds", {}, lambda t: max(t - BEGINS, 0))],
    "SubscriptionSilent": [
        ("webhook_subscription_last_event_seconds", {"rank": "1"}, after(21_700, 3_600)),
        ("webhook_subscription_last_event_seconds", {"rank": "2"}, after(60, 60)),
    ],
    "WebhooksUnauthenticated": [
        ("webhook_intake_total", {"result": "unauthenticated"}, growing(1))
    ],
    "WebhooksRefused": [("webhook_intake_total", {"result": "unavailable"}, growing(1))],
    "DoorSlow": [
        ("http_server_request_duration_seconds_bucket", {**DOOR, "le": "0.1"}, growing(0, 10)),
        ("http_server_request_duration_seconds_bucket", {**DOOR, "le": "1.0"}, growing(10, 10)),
    ],
    "WebhookDeliveriesLate": [("webhook_delivery_oldest_seconds", {}, ageing)],
    "WebhookEndpointsFailing": [("webhook_endpoints_failing_current", {}, after(1))],
    "NothingIsMeasured": [],
    "RoleSilent": [("heartbeat_age_seconds", {"process": "quota-worker"}, ageing)],
    "NeighbourAway": [("neighbour_up", {"neighbour": "redis"}, after(0, 1))],
    "ProcessRestartsAgainAndAgain": [
        ("process_start_time_seconds", {}, lambda t: max(t - BEGINS, 0) // 60)
    ],
    "LoopLate": [("event_loop_lag_seconds", {}, after(0.9, 0.001))],
    "PoolFull": [
        ("pool_in_use", {"pool": "quota"}, after(10, 3)),
        ("pool_limit", {"pool": "quota"}, after(10, 10)),
    ],
    "ApiErrors": [
        ("http_requests_total", {"service": "quota", "status": "200"}, growing(10, 10)),
        ("http_requests_total", {"service": "quota", "status": "503"}, growing(1)),
    ],
    "PlatformSlow": [
        ("http_client_request_duration_seconds_bucket", {"le": "1.0"}, growing(0, 10)),
        ("http_client_request_duration_seconds_bucket", {"le": "10.0"}, growing(10, 10)),
    ],
    "RulesSlow": [
        ("rule_decision_duration_seconds_bucket", {"le": "0.001"}, growing(0, 10)),
        ("rule_decision_duration_seconds_bucket", {"le": "0.025"}, growing(10, 10)),
    ],
}
WITHIN = {  # seconds from the fault to the alarm
    "OutboxOld": 60,
    "LaneOld": 60,
    "RoleSilent": 60,
    "NeighbourAway": 75,
    "WebhooksSilent": 600,
    "SendUnknownTooLong": 960,
    "QuotaLedgerDrift": 60,
}


def seconds(rule: Mapping[str, Any]) -> int:
    """How long a rule waits before it fires."""
    wanted = str(rule.get("for", "0s"))
    return int(wanted[:-1]) * {"s": 1, "m": 60}[wanted[-1]]


def fires_at(rule: Mapping[str, Any], wrong: list[Wrong], until: float) -> float | None:
    """When the rule fires first, scraped and judged as in production."""
    series, node = Series(), Reader(rule["expr"]).read()
    since: float | None = None
    for t in range(0, int(until), 5):
        if t % SCRAPED == 0:
            for name, labels, value in wrong:
                series.add(t, name, value(t), {**labels, "instance": "a:8080"})
        if t % JUDGED:
            continue
        since = (t if since is None else since) if series.evaluate(node, t) else None
        if since is not None and t - since >= seconds(rule):
            return t
    return None


@pytest.mark.parametrize("name", RULES)
def test_each_alert_fires_when_it_should_and_not_before(name: str) -> None:
    if name == "NothingIsMeasured":
        alive: list[Wrong] = [("heartbeat_age_seconds", {"process": "embedded"}, lambda _: 1.0)]
        assert fires_at(RULES[name], alive, BEGINS) is None
        assert fires_at(RULES[name], [], BEGINS) == 60
        return
    fired = fires_at(RULES[name], WRONG[name], BEGINS + 1800)
    assert fired is not None
    assert BEGINS <= fired <= BEGINS + WITHIN.get(name, 900)
    for metric, labels, _ in WRONG[name]:
        assert set(labels) <= KNOWN[metric]
