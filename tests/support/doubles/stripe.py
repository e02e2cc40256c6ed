"""A double of Stripe that speaks its HTTP: Checkout sessions, idempotency keys, errors, signed webhooks."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

KEY = "sk_test_of_ours"
SECRET = "whsec_of_ours"  # noqa: S105


class StripeDouble:
    """Takes orders for Checkout sessions; `fail` makes the next answers bad ones, `lost` answers nobody gets."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.calls = 0
        self.fail: list[int] = []
        self.url = ""
        self.app = FastAPI()
        self.app.post("/v1/checkout/sessions")(self.create)
        self._by_key: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {}

    async def create(self, request: Request) -> JSONResponse:
        """POST /v1/checkout/sessions, as the API reference describes it."""
        self.calls += 1
        asked = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if request.headers.get("authorization") != f"Bearer {KEY}":
            return _error(401, "invalid_request_error", "Invalid API Key provided")
        session = self._session(request.headers["idempotency-key"], asked)
        if session is None:
            return _error(400, "idempotency_error", "Keys for idempotent requests can only be used with the same ones")
        if self.fail:
            return _error(self.fail.pop(0), "api_error", "something went wrong on Stripe's end")
        if asked["mode"] != "payment" or int(asked["line_items[0][price_data][unit_amount]"]) < 50:
            return _error(400, "invalid_request_error", "The total amount is too small", "amount_too_small")
        return JSONResponse(session)

    def webhook(self, session: dict[str, Any], kind: str = "checkout.session.completed", **changes: Any) -> bytes:
        """An event about a session, as Stripe sends it."""
        paid = {"payment_status": "paid", "customer_details": {"name": "Ana Paz", "email": "ana@example.com"}}
        event = {
            "id": "evt_1",
            "object": "event",
            "created": int(time.time()),
            "type": kind,
            "data": {"object": session | paid | changes},
        }
        return json.dumps(event).encode()

    def _session(self, key: str, asked: dict[str, Any]) -> dict[str, Any] | None:
        if key in self._by_key:
            before, session = self._by_key[key]
            return session if before == asked else None
        number = len(self.sessions) + 1
        session = {
            "id": f"cs_test_{number}",
            "object": "checkout.session",
            "url": f"https://checkout.stripe.example/{number}",
            "client_reference_id": asked["client_reference_id"],
            "metadata": {"order_id": asked["metadata[order_id]"], "property_id": asked["metadata[property_id]"]},
            "amount_total": int(asked["line_items[0][price_data][unit_amount]"]),
            "currency": asked["line_items[0][price_data][currency]"],
            "payment_status": "unpaid",
            "customer_details": None,
        }
        self._by_key[key] = (asked, session)
        self.sessions[session["id"]] = session
        return session


def signed(body: bytes, secret: str = SECRET, age_s: int = 0) -> str:
    """The Stripe-Signature header of a body, as https://docs.stripe.com/webhooks describes it."""
    at = int(time.time()) - age_s
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


@contextmanager
def serving(double: StripeDouble) -> Iterator[StripeDouble]:
    """The double on a port of this machine."""
    server = uvicorn.Server(uvicorn.Config(double.app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
        assert thread.is_alive(), "the double did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    double.url = f"http://127.0.0.1:{port}"
    yield double
    server.should_exit = True
    thread.join()


def _error(status: int, kind: str, message: str, code: str | None = None) -> JSONResponse:
    return JSONResponse({"error": {"type": kind, "message": message, "code": code}}, status)
