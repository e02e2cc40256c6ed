"""Traces across Kafka headers: W3C trace context in, a span for each message, trace context out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from shared.ids import new_id

_PROPAGATOR = TraceContextTextMapPropagator()
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_tracer: trace.Tracer | None = None
_current: ContextVar[str] = ContextVar("traceparent", default="")


def set_up_traces(service: str, endpoint: str | None) -> None:
    """Export spans to an OpenTelemetry collector; without an endpoint the context is only passed on."""
    global _tracer  # noqa: PLW0603
    if not endpoint:
        _tracer = None
        return
    # These imports are slow, and needed only for exporting.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": f"posada-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")))
    # Not as the global provider: FastAPI would trace every scrape and probe with it, and query strings with phone
    # numbers of guests.
    _tracer = provider.get_tracer("posada")


def new_traceparent() -> str:
    """A W3C traceparent that begins a trace, for a message without one."""
    return f"00-{new_id().hex}-{new_id().hex[:16]}-01"


def continued(traceparent: str) -> str:
    """The trace that a client names, as a traceparent of version 00; a new one if the text is not valid.

    Validity follows W3C trace context: no version ff, no id of only zeros, nothing after the flags of version 00.
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


def current_traceparent() -> str:
    """The trace of the message that is being handled; empty when there is none."""
    return _current.get()


def consumer_span(type_name: str, traceparent: str, **attributes: str) -> AbstractContextManager[str]:
    """A consumer span around the handling of a message; yields the traceparent for the messages that it sends."""
    if _tracer is None:
        return _Current(traceparent)
    return _exported_span(_tracer, type_name, traceparent, attributes)


@contextmanager
def _exported_span(
    tracer: trace.Tracer, type_name: str, traceparent: str, attributes: Mapping[str, str]
) -> Iterator[str]:
    parent = _PROPAGATOR.extract({"traceparent": traceparent})
    with tracer.start_as_current_span(
        f"process {type_name}",
        context=parent,
        kind=SpanKind.CONSUMER,
        attributes={"messaging.system": "kafka", "messaging.operation.type": "process", **attributes},
    ):
        transport: dict[str, str] = {}
        _PROPAGATOR.inject(transport)
        with _Current(transport.get("traceparent", traceparent)) as inner:
            yield inner


@contextmanager
def client_span(name: str, traceparent: str, **attributes: str) -> Iterator[None]:
    """A client span around a request to an external system, in the trace of the message for which it is made."""
    if _tracer is None:
        yield
        return
    parent = _PROPAGATOR.extract({"traceparent": traceparent})
    with _tracer.start_as_current_span(name, context=parent, kind=SpanKind.CLIENT, attributes=attributes):
        yield


class _Current:
    """Makes a trace the current one; yields it. A generator would take three times as long for every message."""

    __slots__ = ("_token", "_traceparent")

    def __init__(self, traceparent: str) -> None:
        self._traceparent = traceparent

    def __enter__(self) -> str:
        self._token = _current.set(self._traceparent)
        return self._traceparent

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)
