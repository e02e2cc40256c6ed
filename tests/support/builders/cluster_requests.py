"""Requests and transfers of the reference property, each test on nights of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import count, islice
from typing import Any

from tests.support.cluster.gateway import unique

_nights = iter(range(30, 700))
_phones = count(50_370_000_000)


def fresh_night(nights: int = 1) -> date:
    """The first of so many nights that nobody else books in this run, all in the coming months."""
    first, *_ = islice(_nights, nights)
    return date.today() + timedelta(days=first)  # noqa: DTZ011 — a day, not an instant; a month away from any border


def room(kind: str = "Junior", adults: int = 2, **more: Any) -> dict[str, Any]:
    """A wanted room."""
    return {"type": kind, "adults": adults, "children_0_5": 0, "children_6_10": 0} | more


def request(
    night: date,
    *,
    rooms: Sequence[dict[str, Any]] | None = None,
    amount: str = "690.00",
    request_id: str | None = None,
    authorization: str | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A request paid by card link: three Junior bungalows for eight adults, 690.00, unless told otherwise."""
    name = request_id or unique("request")
    return {
        "request_id": name,
        "guest": {"name": "Ana María Pérez", "email": f"{name}@example.org"},
        "check_in": night.isoformat(),
        "check_out": (night + timedelta(days=1)).isoformat(),
        "package": "Las Hojas",
        "rooms": list(rooms) if rooms is not None else [room(adults=3), room(adults=3), room(adults=2)],
        "payment": {"method": "card_link", "amount": amount, "authorization_number": authorization or name},
        "contact": {"wa_id": str(next(_phones))},
    } | more


def with_slip(request: dict[str, Any], today: date) -> dict[str, Any]:
    """The same request, paid by a bank transfer of today whose slip the guest has sent."""
    slip = {"slip_date": today.isoformat(), "reference": request["request_id"]}
    return request | {"payment": {"method": "bank_transfer", "amount": request["payment"]["amount"], **slip}}


def money_for(request: dict[str, Any], amount: str | None = None) -> dict[str, Any]:
    """The card authorisation that pays a request."""
    payment = request["payment"]
    return {
        "transfer_id": unique("transfer"),
        "method": "card_link",
        "amount": amount or payment["amount"],
        "posted_on": date.today().isoformat(),  # noqa: DTZ011
        "authorization_number": payment["authorization_number"],
    }


def many(number: int, rooms_each: int = 3, rooms_a_night: int = 36) -> list[dict[str, Any]]:
    """So many requests that all fit, spread over nights of their own."""
    a_night = rooms_a_night // rooms_each
    first = fresh_night(-(-number // a_night))
    rooms = [room(adults=3), room(adults=3), room(adults=2)][:rooms_each]
    return [request(first + timedelta(days=n // a_night), rooms=rooms) for n in range(number)]
