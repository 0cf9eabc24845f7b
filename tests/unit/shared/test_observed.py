"""Requests are timed by the template of their route."""

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from shared.http.observed import Observed
from shared.observability import metrics

Found = Callable[[dict[str, Any]], Awaitable[None]]


def timed(method: str, route: str) -> float:
    """How many requests of the service were timed there."""
    found = metrics.http_seconds.collect()
    wanted = {"service": "observed", "method": method, "route": route}
    return sum(
        sample.value
        for family in found
        for sample in family.samples
        if sample.name.endswith("_count") and sample.labels == wanted
    )


async def serve(method: str, matched: str | None, route: str = "") -> None:
    async def app(scope: Any, _: Any, __: Any) -> None:
        if matched is not None:
            scope["route"] = SimpleNamespace(path=matched)
        if matched == "/breaks":
            raise ZeroDivisionError

    async def nothing(*_: Any) -> Any:
        raise AssertionError

    scope = {"type": "http", "method": method, "path": "/v1/fans/fan_1"}
    await Observed(app, "observed", lambda _: False, route)(scope, nothing, nothing)


async def test_a_route_is_named_by_its_template() -> None:
    before = timed("GET", "/v1/fans/{fan_id}")
    await serve("GET", "/v1/fans/{fan_id}")
    assert timed("GET", "/v1/fans/{fan_id}") == before + 1


async def test_what_nobody_knows_has_no_name_however_it_is_asked() -> None:
    before = timed("other", "")
    await serve("BREW", None)
    assert timed("other", "") == before + 1


async def test_a_door_has_the_name_it_was_given() -> None:
    before = timed("POST", "/door/*")
    await serve("POST", None, "/door/*")
    assert timed("POST", "/door/*") == before + 1


async def test_a_request_that_breaks_is_timed_too() -> None:
    before = timed("GET", "/breaks")
    with pytest.raises(ZeroDivisionError):
        await serve("GET", "/breaks")
    assert timed("GET", "/breaks") == before + 1
