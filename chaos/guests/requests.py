"""The guests of a storm, a pure function of its seed: what they ask for, how they pay, and how often they say it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from random import Random
from typing import Any, Final

from posada.cluster.secrets import BANK

ADULT: Final = Decimal("86.25")
# Rooms of each type at the reference property, and most adults in one.
ROOMS: Final = {"Junior": (37, 3), "Familiar": (17, 6), "Habitación": (14, 2)}
SCARCE: Final = ("Matrimonial", 2)
FILLED: Final = 0.8  # of each type's rooms, so that some that are no race run short as well
FIRST_NIGHT: Final = 30
REQUESTS: Final = "posada.booking.requests"
TRANSFERS: Final = "posada.payments.transfers"


class GuestKind(StrEnum):
    """How a guest behaves."""

    PAID = "paid before"
    LATE = "pays late"
    NEVER = "never pays"
    SHORT = "pays too little"
    SHARED = "pays with another's money"
    SCARCE = "wants a scarce room"
    BACKWARDS = "leaves before arriving"

    @property
    def may_be_confirmed(self) -> bool:
        """Whether such a guest can get a booking at all; who shares another's money gets it where the other did not."""
        return self not in {GuestKind.NEVER, GuestKind.SHORT, GuestKind.BACKWARDS}


SHARES: Final = {
    GuestKind.PAID: 62,
    GuestKind.LATE: 12,
    GuestKind.NEVER: 4,
    GuestKind.SHORT: 5,
    GuestKind.SHARED: 4,
    GuestKind.SCARCE: 11,
    GuestKind.BACKWARDS: 2,
}
TWICE: Final = 0.08  # of all guests say the same twice or three times


@dataclass(frozen=True, slots=True)
class Send:
    """Something to be published at a moment, in seconds from the storm's beginning; `id` is its CloudEvents id."""

    at: float
    topic: str
    body: dict[str, Any]
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Guest:
    """One guest: the request's id, the kind of guest, and everything that is sent for it."""

    request_id: str
    kind: GuestKind
    sends: tuple[Send, ...]


def guests(seed: int, number: int, seconds: float, today: date) -> list[Guest]:
    """So many guests, who come over so many seconds."""
    random = Random(f"guests {seed}")  # noqa: S311
    kinds = random.choices(list(SHARES), weights=list(SHARES.values()), k=number)
    builder = _Builder(random, seed, number, today)
    return [
        builder.guest(place, kind, seconds * (place + random.random()) / number) for place, kind in enumerate(kinds)
    ]


class _Builder:
    def __init__(self, random: Random, seed: int, number: int, today: date) -> None:
        self._random = random
        self._seed = seed
        self._today = today
        wanted = sum(rooms for rooms, _ in ROOMS.values()) * FILLED
        self._nights = max(1, round(number * 2.0 * 1.25 / wanted))  # rooms for each booking, nights for each stay
        self._scarce_nights = max(1, number * SHARES[GuestKind.SCARCE] // 100 // 12)
        self._lender: str | None = None

    def guest(self, place: int, kind: GuestKind, at: float) -> Guest:
        request_id = f"storm-{self._seed}-{place}"
        rooms, check_in, nights = self._stay(kind)
        price = ADULT * sum(room["adults"] for room in rooms) * nights
        authorization = self._authorization(kind, request_id)
        request = {
            "request_id": request_id,
            "guest": {"name": f"Guest {place}", "email": f"{request_id}@example.org"},
            "check_in": check_in.isoformat(),
            "check_out": (check_in + timedelta(days=-1 if kind is GuestKind.BACKWARDS else nights)).isoformat(),
            "package": "Las Hojas",
            "rooms": rooms,
            "payment": self._payment(price, authorization, by_transfer=place % 5 == 0 and kind.may_be_confirmed),
            "contact": {"wa_id": str(50_370_000_000 + place % 4000)},  # some guests book again
        }
        sends = [*self._asks(request, at), *self._pays(kind, request, price, at)]
        return Guest(request_id, kind, tuple(sends))

    def _stay(self, kind: GuestKind) -> tuple[list[dict[str, Any]], date, int]:
        random = self._random
        if kind is GuestKind.SCARCE:
            night = random.randrange(self._scarce_nights)
            room_type, most = SCARCE
            count, nights = random.randint(1, 3), 1
        else:
            night = random.randrange(self._nights)
            room_type = random.choices(list(ROOMS), weights=[rooms for rooms, _ in ROOMS.values()])[0]
            most = ROOMS[room_type][1]
            count, nights = random.randint(1, 3), random.choice((1, 1, 1, 2))
        rooms = [
            {"type": room_type, "adults": random.randint(1, most), "children_0_5": 0, "children_6_10": 0}
            for _ in range(count)
        ]
        return rooms, self._today + timedelta(days=FIRST_NIGHT + night), nights

    def _authorization(self, kind: GuestKind, request_id: str) -> str:
        if kind is GuestKind.SHARED and self._lender:
            return self._lender
        if kind is GuestKind.PAID:
            self._lender = request_id
        return request_id

    def _payment(self, price: Decimal, authorization: str, *, by_transfer: bool) -> dict[str, Any]:
        # A slip is matched by amount and date: who never pays by transfer could be given another's money.
        if not by_transfer:
            return {"method": "card_link", "amount": f"{price:.2f}", "authorization_number": authorization}
        return {
            "method": "bank_transfer",
            "amount": f"{price:.2f}",
            "slip_date": self._today.isoformat(),
            "reference": f"slip {authorization}",
        }

    def _asks(self, request: dict[str, Any], at: float) -> Iterator[Send]:
        random = self._random
        event_id = random.choice((None, request["request_id"]))
        yield Send(at, REQUESTS, request, event_id)
        if random.random() < TWICE:
            for _ in range(random.randint(1, 2)):
                yield Send(at + random.choice((0.0, random.uniform(0, 30))), REQUESTS, request, event_id)

    def _pays(self, kind: GuestKind, request: dict[str, Any], price: Decimal, at: float) -> Iterator[Send]:
        random = self._random
        if kind in {GuestKind.NEVER, GuestKind.SHARED}:
            return
        amount = price - Decimal("10.00") if kind is GuestKind.SHORT else price
        moment = at + random.uniform(0.5, 12.0) if kind is GuestKind.LATE else max(0.0, at - random.uniform(0.5, 5.0))
        given = request["payment"]
        transfer = {
            "transfer_id": request["request_id"],
            "source": BANK,
            "method": given["method"],
            "amount": f"{amount:.2f}",
            "posted_on": self._today.isoformat(),
        }
        transfer |= {key: given[key] for key in ("authorization_number", "reference") if key in given}
        yield Send(moment, TRANSFERS, transfer)
        if random.random() < TWICE:
            yield Send(moment + random.uniform(0, 20), TRANSFERS, transfer)
