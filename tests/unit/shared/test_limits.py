"""RateLimit and RateLimit-Policy: what is told, to whom, and when somebody is refused."""

import re
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared.errors import RateLimited
from shared.http.limits import Fact, Limits, headers_of, partition, tell

KEY = b"k" * 32
# a List of Items whose value is a String (RFC 9651), each with the parameters that we use
ITEM = r'"[a-z.]+";[qr]=\d+(;[wt]=\d+)?;pk=:[A-Za-z0-9+/]+=*:'
LIST = re.compile(f"{ITEM}(, {ITEM})*")


def said(scope: dict[str, Any]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers_of(scope)}


def test_nothing_is_told_about_a_request_that_did_not_say_whose_it_is() -> None:
    assert headers_of({}) == []


def test_both_headers_are_structured_field_lists() -> None:
    scope: dict[str, Any] = {}
    Limits(KEY, 600, is_enforced=False).take(scope, "key_1")
    tell(scope, Fact("dm.reply", 6, 2, partition(KEY, "fan")))
    headers = said(scope)
    assert list(headers) == ["ratelimit-policy", "ratelimit"]
    assert all(LIST.fullmatch(value) for value in headers.values()), headers
    assert headers["ratelimit-policy"].startswith('"api";q=600;w=60;pk=:')
    assert headers["ratelimit"].startswith('"api";r=599;t=60;pk=:')
    assert '"dm.reply";r=2;pk=' in headers["ratelimit"], "no time resets it"


def test_a_partition_does_not_tell_whom_it_is_of() -> None:
    assert b"fan-open-id" not in partition(KEY, "fan-open-id-0001")
    assert partition(KEY, "a") != partition(KEY, "b")


def test_each_credential_has_a_budget_of_its_own() -> None:
    limits = Limits(KEY, 2, is_enforced=True)
    for credential in ("key_1", "key_2", "key_1", "key_2"):
        limits.take({}, credential)
    with pytest.raises(RateLimited):
        limits.take({}, "key_1")


def test_who_is_refused_is_told_to_wait_at_least_as_long_as_the_header_says() -> None:
    limits = Limits(KEY, 1, is_enforced=True)
    limits.take({}, "key_1")
    scope: dict[str, Any] = {}
    with pytest.raises(RateLimited) as refused:
        limits.take(scope, "key_1")
    seconds = int(re.findall(r";t=(\d+)", said(scope)["ratelimit"])[0])
    assert refused.value.facts["retry_after"] >= seconds
    assert refused.value.facts["violated-policies"] == ["api"]


def test_in_shadow_mode_nobody_is_refused_and_one_line_a_minute_says_who_would_be() -> None:
    limits = Limits(KEY, 5, is_enforced=False)
    with capture_logs() as logged:
        for _ in range(9):
            limits.take({}, "key_1")
    assert [line["event"] for line in logged] == ["api_limit_near", "over_limit_shadow"]


def test_a_limit_of_nothing_counts_nothing() -> None:
    scope: dict[str, Any] = {}
    Limits(KEY, 0, is_enforced=True).take(scope, "key_1")
    assert headers_of(scope) == []
