"""What is sent to a trace collector: the handling of messages, and nothing that comes by itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from shared.http.app import health_router
from shared.observability.tracing import consumer_span, new_traceparent, set_up_traces, trace_id
from tests.support.cluster.gateway import wait_for


class Collector(BaseHTTPRequestHandler):
    """Takes spans, as OTLP over HTTP has them."""

    spans: list[tuple[str, str, str]]

    def do_POST(self) -> None:
        """Keep the service, the name and the trace of each."""
        told = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in told.resource_spans:
            service = next(one.value.string_value for one in resource.resource.attributes if one.key == "service.name")
            for scope in resource.scope_spans:
                self.spans += [(service, span.name, span.trace_id.hex()) for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[str, str, str]]]:
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    kind = type("Told", (Collector,), {"spans": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
    Thread(target=server.serve_forever, daemon=True).start()
    set_up_traces("booking", f"http://127.0.0.1:{server.server_port}")
    yield kind.spans
    set_up_traces("booking", None)
    server.shutdown()
    server.server_close()


async def test_messages_are_traced_and_what_looks_on_is_not(collector: list[tuple[str, str, str]]) -> None:
    app = FastAPI()
    app.include_router(health_router(lambda: None))
    async with AsyncClient(transport=ASGITransport(app), base_url="http://x") as client:
        for path in ("/metrics", "/health/live", "/health/ready?phone=50371234567"):
            assert (await client.get(path)).status_code == 200
    first = new_traceparent()
    with consumer_span("posada.booking.requested.v1", first) as second:
        assert trace_id(second) == trace_id(first)
        assert second != first

    await wait_for(lambda: bool(collector), what="the span", timeout_s=30)
    await asyncio.to_thread(set_up_traces, "booking", None)
    assert collector == [("posada-booking", "process posada.booking.requested.v1", trace_id(first))]
