"""Traces by OpenTelemetry: off unless an address is set, and then nothing is made but a comparison.

Whatever comes from outside starts a trace of its own and links the caller's. The trace that a webhook
starts goes with its events to the platform; a batch is a span of its own that links the traces of all
that is in it. Spans carry ids, never texts.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, StatusCode, Tracer, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_NOTHING: AbstractContextManager[Span] = nullcontext(trace.INVALID_SPAN)
_W3C = TraceContextTextMapPropagator()
_MOST_LINKS = 256  # a batch has at most 200 envelopes


class TracesUnavailable(Exception):
    """Traces are wanted, and the packages that send them are not installed."""


class _Traces:
    """What this process does with traces: nothing, until it is told where they go."""

    tracer: Tracer | None = None
    end: Callable[[], object] | None = None


_traces = _Traces()


def is_on() -> bool:
    """Whether spans are made at all."""
    return _traces.tracer is not None


def trace_to(provider: TracerProvider | None) -> None:
    """Make spans with this provider from now on; None for no spans."""
    _traces.tracer = provider.get_tracer("siyu") if provider else None


def export_traces(url: str, ratio: float, process: str) -> None:
    """Send a share of all traces to an OTLP collector. Raises TracesUnavailable without the extra `traces`."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import SpanLimits
        from opentelemetry.sdk.trace import TracerProvider as Provider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
    except ImportError as missing:
        raise TracesUnavailable("pip install 'siyu[traces]'") from missing
    provider = Provider(
        sampler=ParentBased(TraceIdRatioBased(ratio)),
        resource=Resource.create({"service.namespace": "siyu", "service.name": process}),
        span_limits=SpanLimits(max_links=_MOST_LINKS),
        shutdown_on_exit=False,
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(url)))
    trace_to(provider)
    _traces.end = provider.shutdown


def end_traces() -> None:
    """Send what is left, and make no more."""
    end, _traces.tracer, _traces.end = _traces.end, None, None
    if end is not None:
        end()


def span(
    name: str,
    kind: SpanKind,
    attributes: Mapping[str, Any],
    *,
    continues: str | None = None,
    links: Iterable[str] = (),
) -> AbstractContextManager[Span]:
    """A span around a block: in the trace that is under way here, or the one that `continues` names.

    `continues` "" starts a new trace. Both it and `links` are W3C traceparents; broken ones are dropped.
    """
    if _traces.tracer is None:
        return _NOTHING
    context = None if continues is None else _context_of(continues)
    linked = [Link(found) for found in map(_span_context, links) if found.is_valid]
    begun = _traces.tracer.start_as_current_span(
        name,
        context=context,
        kind=kind,
        attributes=dict(attributes),
        links=linked,
        record_exception=False,
        set_status_on_exception=False,
    )
    return _ended_well_or_not(begun)


@contextmanager
def _ended_well_or_not(begun: AbstractContextManager[Span]) -> Iterator[Span]:
    """What was raised is named by its type alone: its words may quote what people wrote."""
    with begun as made:
        try:
            yield made
        except BaseException as error:
            made.set_status(StatusCode.ERROR, type(error).__name__)
            raise


def headers() -> dict[str, str]:
    """What one of our services tells another about the trace under way."""
    carrier: dict[str, str] = {}
    if _traces.tracer is not None:
        _W3C.inject(carrier)
    return carrier


def _context_of(traceparent: str) -> Context:
    return _W3C.extract({"traceparent": traceparent} if traceparent else {}, Context())


def _span_context(traceparent: str) -> trace.SpanContext:
    return trace.get_current_span(_context_of(traceparent)).get_span_context()


def name_trace(
    _: structlog.typing.WrappedLogger, __: str, fields: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Add the id of the trace under way to a log line."""
    if _traces.tracer is not None:
        found = trace.get_current_span().get_span_context()
        if found.is_valid:
            fields["trace"] = f"{found.trace_id:032x}"
    return fields
