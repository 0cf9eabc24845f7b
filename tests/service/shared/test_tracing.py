"""One trace from the door to the platform; whoever is outside is linked, never followed."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from services.embedded import demo
from services.embedded.settings import EmbeddedSettings
from shared.observability import tracing
from tests.service.douyin.conftest import dispatching
from tests.service.douyin.platform import ScriptedPlatform, scripted_platform
from tests.service.shared.conftest import Road, eventually, turn
from tests.support.world import World

ALL = ("open_platform", "fans", "quota", "douyin", "direct_messages")
VECTORS = json.loads(Path("tests/contract/douyin/vectors.json").read_text("utf-8"))
V2 = next(one for one in VECTORS["vectors"] if one["name"] == "V2")
OUTSIDE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
OUTSIDE_TRACE = int(OUTSIDE.split("-")[1], 16)


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Every span of this process, as it ends."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.trace_to(provider)
    yield exporter
    tracing.trace_to(None)


def named(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    """The one span of that name."""
    (found,) = [span for span in spans.get_finished_spans() if span.name == name]
    return found


def trace_of(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.trace_id


def id_of(span: ReadableSpan) -> int:
    context = span.get_span_context()
    assert context is not None
    return context.span_id


def linked(span: ReadableSpan) -> set[int]:
    """The traces that a span links."""
    return {link.context.trace_id for link in span.links}


async def a_message_is_answered(world: World, platform: ScriptedPlatform, folder: Path) -> None:
    """V2 comes in by the door, with a caller's trace, and its reply reaches the platform."""
    await demo.seed(world.resources, EmbeddedSettings(data_dir=folder))
    await world.drain()
    connector = next(part for part in world.parts if part.service.name == "douyin")
    async with dispatching(connector):
        answer = await world.http.post(
            f"/douyin/webhooks/{VECTORS['client_key']}",
            content=V2["body"].encode(),
            headers={**V2["headers"], "traceparent": OUTSIDE},
        )
        assert answer.json() == {"code": 0}

        async def reached() -> bool:
            await world.drain()
            return bool(platform.accepted)

        await eventually(reached, "the reply reaches the platform")


async def test_one_trace_leads_from_the_door_to_the_platform(
    worlds: Callable[..., Any], spans: InMemorySpanExporter, tmp_path: Path
) -> None:
    async with (
        scripted_platform() as platform,
        worlds(*ALL, douyin_api_url=platform.url) as world,
    ):
        await a_message_is_answered(world, platform, tmp_path)
    door = named(spans, "POST /douyin/webhooks/*")
    assert door.parent is None
    assert trace_of(door) != OUTSIDE_TRACE
    assert linked(door) == {OUTSIDE_TRACE}
    assert door.attributes is not None
    assert door.attributes["http.response.status_code"] == 200

    sent = named(spans, "send douyin")
    assert (sent.kind, trace_of(sent)) == (SpanKind.CLIENT, trace_of(door))
    assert sent.parent is not None
    assert sent.parent.span_id == id_of(door)
    batches = {
        span.name: span for span in spans.get_finished_spans() if linked(span) == {trace_of(door)}
    }
    decided = batches["process siyu:direct_messages:live"]
    for batch in (decided, batches["process siyu:douyin:sends"]):
        assert (batch.kind, batch.parent) == (SpanKind.CONSUMER, None)
    reserve = "POST /internal/quota/reserve"
    asked = {s.kind: s for s in spans.get_finished_spans() if s.name == reserve}
    assert {trace_of(span) for span in asked.values()} == {trace_of(decided)}
    parent = asked[SpanKind.SERVER].parent
    assert parent is not None
    assert parent.span_id == id_of(asked[SpanKind.CLIENT])


async def test_no_text_and_no_secret_is_in_a_span(
    worlds: Callable[..., Any], spans: InMemorySpanExporter, tmp_path: Path
) -> None:
    async with (
        scripted_platform() as platform,
        worlds(*ALL, douyin_api_url=platform.url) as world,
    ):
        await a_message_is_answered(world, platform, tmp_path)
        said = platform.texts()[0]
        key = json.loads((tmp_path / "demo.json").read_text())["api_key"]
    everything = "".join(span.to_json() for span in spans.get_finished_spans())
    for secret in (said, json.dumps(said)[1:-1], key, VECTORS["client_secret"], "act.demo"):
        assert secret not in everything


async def test_our_own_services_go_on_in_the_trace_of_who_asks(
    worlds: Callable[..., Any], spans: InMemorySpanExporter
) -> None:
    async with worlds("quota") as world:
        path, body = "/internal/quota/peek", b'{"requests": []}'
        kind = {"traceparent": OUTSIDE, "Content-Type": "application/json"}
        for caller, is_ours in (
            (world.internal(), True),
            (world.caller("org_1"), False),
            ({}, False),
        ):
            spans.clear()
            await world.http.post(path, content=body, headers={**kind, **caller})
            (served,) = [s for s in spans.get_finished_spans() if s.kind is SpanKind.SERVER]
            assert (trace_of(served) == OUTSIDE_TRACE) is is_ours
            assert (OUTSIDE_TRACE in linked(served)) is not is_ours


async def test_a_batch_links_the_traces_of_all_that_is_in_it(
    road: Road, spans: InMemorySpanExporter
) -> None:
    relay, lane = road.relay(), road.lane(road.write)
    await road.tell("one", "two", "three")
    await relay.send_offered()
    await turn(lane)
    batch = named(spans, "process siyu:quota:settled")
    assert batch.attributes is not None
    assert batch.attributes["messaging.batch.message_count"] == 3
    assert len(linked(batch)) == 3


async def test_a_handler_that_breaks_is_named_by_its_error_alone(
    road: Road, spans: InMemorySpanExporter
) -> None:
    async def broken(_: Any) -> None:
        raise ValueError("13800138000 wrote something")

    relay = road.relay()
    await road.tell("one")
    await relay.send_offered()
    await turn(road.lane(broken))
    ended = spans.get_finished_spans()
    assert {span.status.description for span in ended} == {"ValueError"}
    assert not any(span.events for span in ended)


def test_without_an_address_nothing_is_made() -> None:
    assert not tracing.is_on()
    with tracing.span("x", SpanKind.CLIENT, {}, continues="") as nothing:
        assert not nothing.get_span_context().is_valid
    assert tracing.span("x", SpanKind.CLIENT, {}) is tracing.span("y", SpanKind.SERVER, {})
    assert tracing.headers() == {}
