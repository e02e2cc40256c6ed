"""A property-management system: a real HTTP server, whose own staff take rooms too, and which fails on demand."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from itertools import count
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import JSONResponse, Response

PLACE = "Pasadía"


@dataclass
class FakePms:
    """The system's state, and what tests make it do.

    `rooms` are all of its numbers, `places` its day passes. `snatches` rooms are taken by its own staff just before
    they would be booked. `fails` and `hangs` count calls that break or never end; `misses_info` spoils getRooms.
    A call that hangs may have been carried out: `hangs_after`. `before_booking` is called once, before a booking;
    `snatch_third` takes whichever room would be the third. With a `token` it answers only to those who show it.
    One that `ignores_keys` takes the same order twice for two; `refuses` has the status of its answer to a path.
    """

    rooms: tuple[str, ...] = tuple(str(n) for n in range(18, 22))
    places: int = 0
    url: str = ""
    snatches: set[str] = field(default_factory=set)
    snatches_all: bool = False
    fails: int = 0
    hangs: int = 0
    hangs_after: int = 0
    misses_info: bool = False
    cancels: bool = True
    snatch_third: bool = False
    before_booking: Callable[[], None] | None = None
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    token: str = ""
    ignores_keys: bool = False
    refuses: dict[str, int] = field(default_factory=dict)
    taken: dict[tuple[str, date], str] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: count(26181))

    def free(self, check_in: date, check_out: date) -> list[str]:
        """Numbers free for every night, places by their name."""
        nights = _nights(check_in, check_out)
        free = [room for room in self.rooms if not any((room, night) in self.taken for night in nights)]
        return free + [PLACE] * max(0, self.places - max(self._places_taken(night) for night in nights))

    def take(self, room: str, check_in: date, check_out: date, reservation: str = "own") -> None:
        """Somebody gets a room."""
        for night in _nights(check_in, check_out):
            key = f"{PLACE} {len(self.taken)}" if room == PLACE else room
            self.taken[key, night] = reservation

    def reservations(self) -> dict[str, set[str]]:
        """The rooms of each reservation that is not the external system's own."""
        found: dict[str, set[str]] = {}
        for (room, _), reservation in self.taken.items():
            if reservation != "own":
                found.setdefault(reservation, set()).add(room)
        return found

    def book(self, body: dict[str, Any], key: str) -> str | None:
        """A reservation's number; None when the room is taken."""
        if key in self._known and not self.ignores_keys:
            return self._known[key]
        stay = date.fromisoformat(body["checkIn"]), date.fromisoformat(body["checkOut"])
        room = body["room"]
        third = self.snatch_third and len(self._known) == 2
        if room in self.snatches or self.snatches_all or third:
            self.snatches.discard(room)
            self.take(room, *stay)
        if room not in self.free(*stay):
            return None
        self._known[key] = str(next(self._numbers))
        self.take(room, *stay, self._known[key])
        return self._known[key]

    def cancel(self, reservation: str) -> None:
        """The rooms of a reservation are free again."""
        self.taken = {key: theirs for key, theirs in self.taken.items() if theirs != reservation}

    async def trouble(self, path: str = "") -> Response | None:
        """What is wrong with this call, if anything."""
        if path in self.refuses:
            return Response("no", self.refuses[path])
        if self.hangs:
            self.hangs -= 1
            await asyncio.sleep(60)
        if self.fails:
            self.fails -= 1
            return Response("boom", 500)
        return None

    def _places_taken(self, night: date) -> int:
        return sum(1 for room, when in self.taken if when == night and room.startswith(PLACE))


def app_of(fake_pms: FakePms) -> FastAPI:
    """Its three calls."""
    app = FastAPI(dependencies=[Depends(partial(_check_token, fake_pms))])
    for add in (_add_looking, _add_booking, _add_cancelling):
        add(app, fake_pms)
    return app


def _check_token(fake_pms: FakePms, authorization: Annotated[str, Header()] = "") -> None:
    if fake_pms.token and authorization != f"Bearer {fake_pms.token}":
        raise HTTPException(401, "who is calling?")


def _add_looking(app: FastAPI, fake_pms: FakePms) -> None:
    @app.get("/api/getRooms")
    async def get_rooms(checkIn: date, checkOut: date) -> Response:  # noqa: N803 — the system's own names
        fake_pms.calls.append(("getRooms", {}))
        if trouble := await fake_pms.trouble("getRooms"):
            return trouble
        if fake_pms.misses_info:
            return JSONResponse({"error": "try later"})
        return JSONResponse({"info": {str(7 * n): room for n, room in enumerate(fake_pms.free(checkIn, checkOut))}})


def _add_booking(app: FastAPI, fake_pms: FakePms) -> None:
    @app.post("/api/bookRoom")
    async def book_room(request: Request) -> Response:
        body = await request.json()
        fake_pms.calls.append(("bookRoom", body))
        act, fake_pms.before_booking = fake_pms.before_booking, None
        if act:
            act()
        if trouble := await fake_pms.trouble("bookRoom"):
            return trouble
        reservation = fake_pms.book(body, request.headers["Idempotency-Key"])
        if fake_pms.hangs_after:
            fake_pms.hangs_after -= 1
            await asyncio.sleep(60)
        if reservation is None:
            return JSONResponse({"error": "taken"}, 409)
        return JSONResponse({"reservation": reservation})


def _add_cancelling(app: FastAPI, fake_pms: FakePms) -> None:
    @app.post("/api/cancelBooking")
    async def cancel_booking(request: Request) -> Response:
        body = await request.json()
        fake_pms.calls.append(("cancelBooking", body))
        if trouble := await fake_pms.trouble("cancelBooking"):
            return trouble
        if not fake_pms.cancels:
            return Response("not here", 405)
        fake_pms.cancel(body["reservation"])
        return JSONResponse({})


@asynccontextmanager
async def serving(fake_pms: FakePms) -> AsyncIterator[FakePms]:
    """The external system behind a port of this machine."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app_of(fake_pms), log_level="critical", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    fake_pms.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        yield fake_pms
    finally:
        server.should_exit = True
        await task
        listening.close()


def _nights(check_in: date, check_out: date) -> list[date]:
    return [check_in + timedelta(days=n) for n in range((check_out - check_in).days)]
