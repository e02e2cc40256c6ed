"""The reference property-management system over HTTP: free rooms and bookings, no holds, numbers as text."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx
import structlog

from services.availability.catalogue import About
from services.availability.external.adapters.words import Words
from services.availability.external.numbering import Numbering
from services.availability.external.port import CannotCancel, FreeRooms, InventoryUnavailable, RoomOrder, RoomTaken
from services.availability.stay import Stay
from shared.outbound.client import DestinationForbidden, client, json_in
from shared.outbound.destinations import Allowed

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 30.0
PLACE = "Pasadía"
ROOM_SUFFIX = "A"
TAKEN = frozenset({httpx.codes.CONFLICT, httpx.codes.GONE})
# These speak of the caller or the moment, not of the reservation that should be cancelled.
PASSING = frozenset({401, 403, 408, 425, 429})


class Pms:
    """One property's rooms in such a system.

    `numbering` says of which type each number is: one that it does not name and that ends in A, and the literal
    Pasadía, which is one place. `cancels`: whether the system has a call to cancel. `token` is shown with each call.
    """

    def __init__(
        self,
        base_url: str,
        prefix: str,
        numbering: Numbering | None = None,
        *,
        cancels: bool = False,
        seconds: float = TIMEOUT_SECONDS,
        token: str | None = None,
        allowed: Allowed,
    ) -> None:
        self._client = client(
            base_url,
            seconds=seconds,
            allowed=allowed,
            by_proxy=False,
            headers={"Authorization": f"Bearer {token}"} if token else {},
        )
        self._prefix = prefix
        self.numbering = numbering or Numbering()
        self.words = Words()
        self._cancels = cancels

    @property
    def can_cancel(self) -> bool:
        """As it was declared."""
        return self._cancels

    async def free_rooms(self, stay: Stay) -> FreeRooms:
        """What `GET api/getRooms` lists; places are numbered P1, P2 … in the order in which they come."""
        dates = {"checkIn": stay.check_in.isoformat(), "checkOut": stay.check_out.isoformat()}
        body = _json(await self._asked("GET", "api/getRooms", params=dates))
        info = body.get("info")
        if not isinstance(info, dict | list):
            raise InventoryUnavailable("the answer has no info")
        numbers = [str(number).strip() for number in (info.values() if isinstance(info, dict) else info)]
        free: dict[str, list[str]] = {}
        for number in numbers:
            self._sort(number, free)
        return {key: tuple(dict.fromkeys(rooms)) for key, rooms in free.items()}

    async def book(self, order: RoomOrder) -> str:
        """`POST api/bookRoom`, recognised by its Idempotency-Key where the system does that."""
        answer = await self._answered(
            "POST",
            "api/bookRoom",
            json=_order(order, self.numbering.place, self.words),
            headers={"Idempotency-Key": str(order.key)},
        )
        if answer.status_code in TAKEN:
            raise RoomTaken(order.room)
        _check_done(answer)
        number = _json(answer).get("reservation")
        if not isinstance(number, str | int) or isinstance(number, bool) or not str(number).strip():
            raise InventoryUnavailable("the answer has no reservation")
        return f"{self._prefix}{str(number).strip()}"

    async def cancel(self, key: UUID, code: str) -> None:
        """`POST api/cancelBooking`; what is not there is cancelled."""
        if not self._cancels:
            raise CannotCancel(code)
        body = {"reservation": code.removeprefix(self._prefix)}
        headers = {"Idempotency-Key": f"cancel {key}"}
        answer = await self._answered("POST", "api/cancelBooking", json=body, headers=headers)
        if answer.is_client_error and answer.status_code not in PASSING:
            raise CannotCancel(f"HTTP {answer.status_code}")
        _check_done(answer)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    def _sort(self, number: str, free: dict[str, list[str]]) -> None:
        if number == PLACE and self.numbering.place:
            places = free.setdefault(self.numbering.place, [])
            places.append(f"P{len(places) + 1}")
            return
        key = self.numbering.types.get(number) or (self.numbering.suffixed if number.endswith(ROOM_SUFFIX) else None)
        if key is None:
            log.warning("pms.unknown_room", number=number[:20])
            return
        free.setdefault(key, []).append(number)

    async def _asked(self, method: str, path: str, **how: Any) -> httpx.Response:
        answer = await self._answered(method, path, **how)
        _check_done(answer)
        return answer

    async def _answered(self, method: str, path: str, **how: Any) -> httpx.Response:
        try:
            return await self._client.request(method, path, **how)
        except DestinationForbidden as fault:
            raise InventoryUnavailable(f"base_url: {fault}") from fault
        except (httpx.HTTPError, httpx.InvalidURL) as fault:
            raise InventoryUnavailable(type(fault).__name__) from fault


def _check_done(answer: httpx.Response) -> None:
    if not answer.is_success:
        raise InventoryUnavailable(f"HTTP {answer.status_code}")


def _order(order: RoomOrder, place: str | None, words: Words) -> dict[str, Any]:
    body = {
        "room": PLACE if order.type == place else order.room,
        "guest": order.guest,
        "email": order.email,
        "phone": order.phone,
        "city": order.city,
        "document": order.document,
        "nationality": order.nationality,
        "checkIn": order.stay.check_in.isoformat(),
        "checkOut": order.stay.check_out.isoformat(),
        "adults": order.adults,
        "children0to5": order.children_0_to_5,
        "children6to10": order.children_6_to_10,
        "type": words.of(About.TYPE, order.type),
        "package": words.of(About.PACKAGE, order.package),
        "paymentMethod": words.of(About.METHOD, order.payment_method),
        "amount": str(order.amount),
        "payer": order.payer,
        "extraBeds": order.extra_beds,
        "extraBedsCost": str(order.extra_beds_cost),
        "instructions": order.instructions,
    }
    return {name: value for name, value in body.items() if value is not None}


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = json_in(answer)
    except ValueError:
        raise InventoryUnavailable("the answer is not JSON") from None
    if not isinstance(body, dict):
        raise InventoryUnavailable("the answer is no object")
    return body
