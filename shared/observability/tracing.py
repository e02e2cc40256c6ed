"""Traces across Kafka headers: W3C trace context in, a span for each message, trace context out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from secrets import token_hex

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR = TraceContextTextMapPropagator()
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_tracer: trace.Tracer | None = None
_in_hand: ContextVar[str] = ContextVar("traceparent", default="")


def set_up_traces(service: str, endpoint: str | None) -> None:
    """Export spans to an OpenTelemetry collector; without an endpoint the context is only passed on."""
    global _tracer  # noqa: PLW0603
    if not endpoint:
        _tracer = None
        return
    # Only who exports pays for these imports, at every start.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": f"posada-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")))
    # Not as everybody's provider: FastAPI would trace by it each scrape and probe, of which a store would be full, and
    # query strings, in which a guest's phone may stand.
    _tracer = provider.get_tracer("posada")


def new_traceparent() -> str:
    """A W3C traceparent that begins a trace, for a message that came without one."""
    return f"00-{token_hex(16)}-{token_hex(8)}-01"


def continued(traceparent: str) -> str:
    """The trace that a client names, in the version that we speak, or a new one where that is no traceparent.

    What makes one is W3C trace context's: no version ff, no id of zeros alone, nothing behind the flags of version 00.
    """
    found = _TRACEPARENT.fullmatch(traceparent)
    if not found:
        return new_traceparent()
    version, trace, span, flags, more = found.groups()
    if version == "ff" or (version == "00" and more) or not trace.strip("0") or not span.strip("0"):
        return new_traceparent()
    return f"00-{trace}-{span}-{flags}"


def trace_id(traceparent: str) -> str:
    """The trace's id, for logs; empty when there is none."""
    found = _TRACEPARENT.fullmatch(traceparent)
    return found[2] if found else ""


def traceparent_in_hand() -> str:
    """The trace of the message that is being handled, for what a service does about it later; else empty."""
    return _in_hand.get()


@contextmanager
def consumer_span(type_name: str, traceparent: str, **attributes: str) -> Iterator[str]:
    """A consumer span around the handling of a message; gives the traceparent for what it sends."""
    if _tracer is None:
        with _holding(traceparent):
            yield traceparent
        return
    parent = _PROPAGATOR.extract({"traceparent": traceparent})
    with _tracer.start_as_current_span(
        f"process {type_name}",
        context=parent,
        kind=SpanKind.CONSUMER,
        attributes={"messaging.system": "kafka", "messaging.operation.type": "process", **attributes},
    ):
        transport: dict[str, str] = {}
        _PROPAGATOR.inject(transport)
        with _holding(transport.get("traceparent", traceparent)) as inner:
            yield inner


@contextmanager
def client_span(name: str, traceparent: str, **attributes: str) -> Iterator[None]:
    """A client span around a request to somebody outside, in the trace of the message that it is made for."""
    if _tracer is None:
        yield
        return
    parent = _PROPAGATOR.extract({"traceparent": traceparent})
    with _tracer.start_as_current_span(name, context=parent, kind=SpanKind.CLIENT, attributes=attributes):
        yield


@contextmanager
def _holding(traceparent: str) -> Iterator[str]:
    token = _in_hand.set(traceparent)
    try:
        yield traceparent
    finally:
        _in_hand.reset(token)
