"""Restate: a service whose handler runs the steps durably, with the compensations of its guide to sagas."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any

import restate
from restate.exceptions import TerminalError

from benchmarks.rivals.engines import steps
from benchmarks.rivals.engines.hotel import Refused, wish_of

hotel = restate.Service("Hotel")
_RETRIES: restate.RunOptions[Any] = restate.RunOptions(initial_retry_interval=timedelta(milliseconds=50))


@hotel.handler()
async def book(ctx: restate.Context, request: dict[str, Any]) -> dict[str, Any]:
    """The saga: all of it, or what was done is undone."""
    wish = wish_of(request)
    booking_id = wish["booking_id"]
    undo: list[tuple[str, Callable[[str], Coroutine[Any, Any, None]]]] = []
    try:
        undo.append(("release rooms", steps.release_rooms))
        rooms = await ctx.run_typed("hold rooms", _final(steps.hold_rooms), _RETRIES, wish=wish)
        undo.append(("release payment", steps.release_payment))
        await ctx.run_typed("reserve payment", _final(steps.reserve_payment), _RETRIES, wish=wish)
    except TerminalError as refused:
        for name, release in reversed(undo):
            await ctx.run_typed(name, release, _RETRIES, booking_id=booking_id)
        return {"state": "refused", "why": refused.message}
    codes = await ctx.run_typed("confirm", steps.confirm, _RETRIES, wish=wish, rooms=rooms)
    await restate.gather(
        ctx.run_typed("book rooms", steps.book_rooms, _RETRIES, booking_id=booking_id, codes=codes),
        ctx.run_typed("capture payment", steps.capture_payment, _RETRIES, booking_id=booking_id, codes=codes),
    )
    return {"state": "confirmed", "codes": codes}


def _final(step: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """The step with its refusal as an error that Restate does not try again."""

    async def run(**arguments: Any) -> Any:
        try:
            return await step(**arguments)
        except Refused as refused:
            raise TerminalError(str(refused)) from refused

    return run


app = restate.app([hotel])
