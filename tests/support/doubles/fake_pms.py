"""A property-management system as page 1 describes it: a real HTTP server whose desk takes rooms from under us."""

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
class Desk:
    """The system's state, and what tests make it do.

    `rooms` are all of its numbers, `places` its day passes. `snatches` rooms are taken by the desk just before they
    would be booked. `fails` and `hangs` count calls that break or never end; `misses_info` makes getRooms useless.
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

    def take(self, room: str, check_in: date, check_out: date, reservation: str = "desk") -> None:
        """Somebody gets a room."""
        for night in _nights(check_in, check_out):
            key = f"{PLACE} {len(self.taken)}" if room == PLACE else room
            self.taken[key, night] = reservation

    def reservations(self) -> dict[str, set[str]]:
        """The rooms of each reservation that is not the desk's own."""
        found: dict[str, set[str]] = {}
        for (room, _), reservation in self.taken.items():
            if reservation != "desk":
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


def app_of(desk: Desk) -> FastAPI:
    """Its three calls."""
    app = FastAPI(dependencies=[Depends(partial(_check_token, desk))])
    for add in (_add_looking, _add_booking, _add_cancelling):
        add(app, desk)
    return app


def _check_token(desk: Desk, authorization: Annotated[str, Header()] = "") -> None:
    if desk.token and authorization != f"Bearer {desk.token}":
        raise HTTPException(401, "who is calling?")


def _add_looking(app: FastAPI, desk: Desk) -> None:
    @app.get("/api/getRooms")
    async def get_rooms(checkIn: date, checkOut: date) -> Response:  # noqa: N803 — the system's own names
        desk.calls.append(("getRooms", {}))
        if trouble := await desk.trouble("getRooms"):
            return trouble
        if desk.misses_info:
            return JSONResponse({"error": "try later"})
        return JSONResponse({"info": {str(7 * n): room for n, room in enumerate(desk.free(checkIn, checkOut))}})


def _add_booking(app: FastAPI, desk: Desk) -> None:
    @app.post("/api/bookRoom")
    async def book_room(request: Request) -> Response:
        body = await request.json()
        desk.calls.append(("bookRoom", body))
        act, desk.before_booking = desk.before_booking, None
        if act:
            act()
        if trouble := await desk.trouble("bookRoom"):
            return trouble
        reservation = desk.book(body, request.headers["Idempotency-Key"])
        if desk.hangs_after:
            desk.hangs_after -= 1
            await asyncio.sleep(60)
        if reservation is None:
            return JSONResponse({"error": "taken"}, 409)
        return JSONResponse({"reservation": reservation})


def _add_cancelling(app: FastAPI, desk: Desk) -> None:
    @app.post("/api/cancelBooking")
    async def cancel_booking(request: Request) -> Response:
        body = await request.json()
        desk.calls.append(("cancelBooking", body))
        if trouble := await desk.trouble("cancelBooking"):
            return trouble
        if not desk.cancels:
            return Response("not here", 405)
        desk.cancel(body["reservation"])
        return JSONResponse({})


@asynccontextmanager
async def serving(desk: Desk) -> AsyncIterator[Desk]:
    """The desk behind a port of this machine."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app_of(desk), log_level="critical", timeout_graceful_shutdown=1))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    desk.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        yield desk
    finally:
        server.should_exit = True
        await task
        listening.close()


def _nights(check_in: date, check_out: date) -> list[date]:
    return [check_in + timedelta(days=n) for n in range((check_out - check_in).days)]
