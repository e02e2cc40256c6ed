"""HTTP for staff: bookings listed and searched, page by page, and what a cancellation would cost."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, status
from pydantic import BaseModel

from services.booking.record import NOTHING, Status, StayStatus, balance_of, policy_text
from services.booking.repository import Repository
from services.booking.search import queries
from services.booking.search.queries import Sort, Wanted
from shared.clock import Clock
from shared.contracts.common import MOST_ROOMS, Amount, Day, Language
from shared.database.pool import Database
from shared.safety.masking import masked, masked_name
from shared.settings import ServiceSettings

Word = Annotated[str | None, Query(max_length=200)]


class Listed(BaseModel):
    """One booking of a list. Guests are named in full only where the API asks for a token, else masked.

    `balance` is what is owed as booking knows it, below zero what was paid too much.
    """

    booking_id: UUID
    confirmation_number: str | None
    codes: list[str]
    property_id: str
    status: Status
    source: str
    guest: dict[str, str | None]
    check_in: date
    check_out: date
    package: str
    number_of_rooms: int
    total: Amount | None
    paid: Amount | None
    balance: Decimal | None
    currency: str | None
    created_at: datetime


class Page(BaseModel):
    """Bookings in their order; `next` is the cursor of the following page, null at the end."""

    bookings: list[Listed]
    next: str | None


class Preview(BaseModel):
    """What it would cost to cancel now: the rule, what it is reckoned on, the fee, and what would come back.

    `refund` is what was paid less the fee and the charges, never below zero. `paid` and `charges` are what payments
    last reported to booking; payments decides what is given back.
    """

    booking_id: UUID
    rule: str
    policy: dict[Language, str | None]
    base: Amount
    fee: Amount
    paid: Amount
    charges: Amount
    refund: Amount
    currency: str


def router(database: Database, repository: Repository, settings: ServiceSettings, clock: Clock) -> APIRouter:
    """The endpoints for reading."""
    routes = APIRouter(tags=["desk"])
    in_full = settings.asks_for_token

    @routes.get("/bookings", responses={422: {}})
    async def bookings(
        *,
        property_id: Word = None,
        status: Annotated[list[Status], Query(description="Any of these.")] = [],  # noqa: B006 — FastAPI copies it
        source: Word = None,
        arrives_from: Day | None = None,
        arrives_until: Day | None = None,
        leaves_from: Day | None = None,
        leaves_until: Day | None = None,
        q: Annotated[str | None, Query(max_length=200, description="A code, or part of a name or e-mail.")] = None,
        sort: Sort = Sort.CHECK_IN,
        cursor: Annotated[str | None, Query(max_length=300, description="`next` of the last page.")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> Page:
        """Bookings that fit, page by page; a page is read on although others are booked meanwhile."""
        wanted = Wanted(property_id, status, source, arrives_from, arrives_until, leaves_from, leaves_until, _plain(q))
        async with database.connection() as connection:
            rows = await queries.bookings(connection, wanted, sort, cursor, limit)
        following = queries.cursor_of(rows[-1], sort) if len(rows) == limit else None
        return Page(bookings=[_listed(row, in_full=in_full) for row in rows], next=following)

    @routes.get("/bookings/{booking_id}/cancellation-fee", responses={404: {}, 422: {}})
    async def preview(
        booking_id: UUID,
        fee: Annotated[Amount | None, Query(description="One that the staff names.")] = None,
        code: Annotated[list[str], Query(max_length=MOST_ROOMS, description="Of single stays; repeat it.")] = [],  # noqa: B006 — FastAPI copies it
    ) -> Preview:
        """What it would cost to cancel the booking now, or single stays of it; nothing changes."""
        async with database.connection() as connection:
            found = await repository.confirmed(connection, booking_id)
        if found is None:
            raise HTTPException(status_404, f"no confirmed booking has the id {booking_id}")
        booking, property_ = found
        stays = booking.part(code)
        for one in stays:  # refused as the command would be
            one.moved(StayStatus.CANCELLED)
        cost = booking.fee_now(fee, property_.check_in_time, property_.timezone, clock(), stays=stays)
        kept = booking.total - sum((stay.amount for stay in stays), NOTHING) if stays else NOTHING
        return Preview(
            booking_id=booking_id,
            rule=cost.rule,
            policy={language: policy_text(booking.terms, language) for language in Language},
            base=cost.base,
            fee=cost.fee,
            paid=booking.paid,
            charges=booking.charges,
            refund=cost.refund(booking.paid, kept + booking.charges + (booking.fee or NOTHING)),
            currency=booking.currency,
        )

    return routes


status_404 = status.HTTP_404_NOT_FOUND


def _plain(text: str | None) -> str | None:
    """Without what PostgreSQL keeps in no text."""
    return text.replace("\0", "") if text else None


def _listed(row: Any, *, in_full: bool) -> Listed:
    guest = {name: row[f"guest_{name}"] for name in ("name", "email", "phone")}
    if not in_full:
        hidden = {name: masked(guest[name]) for name in ("email", "phone") if guest[name]}
        guest |= {"name": masked_name(row["guest_name"]), **hidden}
    names = ("confirmation_number", "codes", "property_id", "status", "source", "check_in", "check_out", "package")
    more = ("number_of_rooms", "total", "paid", "currency", "created_at")
    facts = {name: row[name] for name in (*names, *more)}
    return Listed(booking_id=row["id"], guest=guest, balance=balance_of(row), **facts)
