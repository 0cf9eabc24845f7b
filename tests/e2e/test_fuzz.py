"""Whatever is sent to any endpoint: no 5xx, nothing outside the contract, every refusal is problem+json.

Schemathesis makes requests from the committed contract, good ones and bad ones, and half of them name
things that exist. `make fuzz` sends more of them than `make test`.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.result import Ok

from tests.e2e import wire
from tests.e2e.house import ROOT, House

CASES = int(os.environ.get("FUZZ_CASES", "3000"))
DOCUMENT = json.loads((ROOT / "openapi/siyu.json").read_text("utf-8"))
# Aimed at what exists, these cut the demo account off from Douyin: asking Douyin is then rightly a 503.
BREAKS_THE_HOUSE = frozenset({"put_douyin_app", "put_douyin_binding"})
# Its answer has no end while somebody listens; tests/service/direct_messages has tests of it.
STREAMS = frozenset({"watch_agent_updates"})
PROMISES = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)


def promises() -> list[Any]:
    """The checks of Schemathesis that hold for every answer."""
    load_all_checks()
    return [CHECKS.get_one(name) for name in PROMISES]


def requests_of_everything() -> st.SearchStrategy[Any]:
    """A request to any operation, as its contract allows, or just outside of it."""
    schema = schemathesis.openapi.from_dict(DOCUMENT)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 30
    operations = [o for o in operations if o.definition.raw["operationId"] not in STREAMS]
    return st.one_of(
        [
            operation.as_strategy(generation_mode=mode)
            for operation in operations
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
        ]
    )


class Target:
    """A running house, and what exists in it."""

    def __init__(self, house: House, decision: dict[str, Any]) -> None:
        self.base, demo = house.base, house.demo
        self.session = requests.Session()
        self.session.trust_env = False
        self.explained: set[str] = set()
        self.headers = {"Authorization": f"Bearer {demo['api_key']}"}
        self.there = {
            "account_id": demo["account_id"],
            "client_key": demo["client_key"],
            "key": "dm.reply.limit",
            "conversation_id": decision["conversation_id"],
            "message_id": decision["inbound"]["id"],
            "rule_id": decision["rule"]["id"],
        }
        fans = f"/v1/accounts/{demo['account_id']}/fans?limit=1"
        self.there["fan_id"] = house.api("GET", fans).json()["data"][0]["id"]

    def aim(self, case: Any) -> None:
        """Let the request name things that exist, whatever version they have."""
        if case.operation.definition.raw["operationId"] in BREAKS_THE_HOUSE:
            return
        for name in set(case.path_parameters or {}) & set(self.there):
            case.path_parameters[name] = self.there[name]
        named = {p["name"].lower() for p in case.operation.definition.raw.get("parameters", [])}
        if "if-match" in named and case.method != "GET":
            case.headers["If-Match"] = "*"

    def judge(self, answer: schemathesis.Response) -> None:
        """Every answer is named; every refusal is problem+json with a code that has its page."""
        (name,) = answer.headers["request-id"]
        if answer.status_code < 400:
            return
        assert answer.headers["content-type"] == ["application/problem+json"]
        problem = answer.json()
        assert problem["status"] == answer.status_code
        assert problem["request_id"] == name
        if problem["code"] not in self.explained:
            page = self.session.get(f"{self.base}/problems/{problem['code']}", timeout=10)
            assert page.status_code == 200, f"{problem['code']} has no page"
            self.explained.add(problem["code"])


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A house of its own: what is sent here spoils a house for stories."""
    house = House(tmp_path_factory.mktemp("fuzz"))
    try:
        house.start()
        asked = wire.said("fan-open-id-0031", "多少钱")
        house.say(asked)
        found = Target(house, house.decision(asked))
        yield found
    finally:
        house.stop()


@pytest.mark.timeout(300 + CASES / 10)
def test_no_request_is_answered_outside_the_contract(target: Target) -> None:
    wrong: dict[str, str] = {}
    statuses: Counter[int] = Counter()
    checks = promises()

    @settings(
        max_examples=CASES,
        phases=[Phase.generate],
        deadline=None,
        database=None,
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=requests_of_everything(), is_aimed=st.booleans())
    def send(case: Any, *, is_aimed: bool) -> None:
        if is_aimed:
            target.aim(case)
        answer = case.call(
            base_url=target.base, session=target.session, headers=target.headers, timeout=20
        )
        statuses[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=checks)
            target.judge(answer)
        except FailureGroup as group:
            for failure in group.exceptions:
                note(wrong, case, failure)
        except AssertionError as failure:
            note(wrong, case, failure)

    send()
    assert not wrong, "\n\n".join(f"{what}\n{how}" for what, how in sorted(wrong.items()))
    assert sum(statuses.values()) >= CASES
    assert {200, 201, 404, 422} <= set(statuses), "good requests and bad ones were among them"


def note(wrong: dict[str, str], case: Any, failure: Exception) -> None:
    """Keep the first request of each kind of failure."""
    title = failure.title if isinstance(failure, Failure) else str(failure)[:80]
    how = f"{str(failure)[:300]}\n{case.as_curl_command()}"
    wrong.setdefault(f"{case.operation.label}: {title}", how)
