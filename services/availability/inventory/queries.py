"""Handlers of counts and quotes: what is free, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.availability.external import look
from services.availability.inventory.counting import free_counts, shortages
from services.availability.inventory.texts import TEXTS
from services.availability.pricing import quote
from services.availability.stay import stay_from
from services.availability.unit_of_work import UnitOfWork
from shared.contracts.availability import (
    CountAnswered,
    CountInvalid,
    CountRequested,
    QuoteAnswered,
    QuoteInvalid,
    QuoteRequested,
)
from shared.contracts.common import Language, RefusalDetails
from shared.errors import Refusal
from shared.messages.message import Message


def count_rooms(uow: UnitOfWork, request: CountRequested, now: datetime) -> Iterable[Message]:
    """Count the free rooms of every type, and say whether there are enough of those wanted.

    Where an external system keeps the rooms, a job asks it first; the count goes on when OutsideSeen arrives.
    """
    property_ = uow.property_of(request.property_id)
    stay = stay_from(request.check_in, request.check_out, property_.today(now))
    wanted = [property_.room_type(entry.type).key for entry in request.wanted for _ in range(entry.count)]
    if property_.outside and (property_.id, stay) not in uow.seen_outside:
        uow.external_jobs.append(look(property_, stay, count=request))
        return
    counts = free_counts(uow, property_, stay)
    short = shortages(wanted, counts)
    yield CountAnswered(
        request_id=request.request_id,
        success=True,
        can_fulfill=not short,
        available_counts=counts,
        shortages=short,
        message=TEXTS.count(property_, stay, counts, short, request.language, wanted=bool(wanted)),
        ignored=request.ignored or None,
    )


def count_refused(request: CountRequested, refusal: Refusal) -> Message:
    """The answer when a count is refused."""
    error = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return _no_count(request.request_id, error, request.language, request.ignored)


def refuse_invalid_count(_: UnitOfWork, invalid: CountInvalid, __: datetime) -> Iterable[Message]:
    """Answer an invalid request for a count."""
    yield _no_count(invalid.request_id, invalid.error, invalid.language)


def quote_rooms(uow: UnitOfWork, request: QuoteRequested, now: datetime) -> Iterable[Message]:
    """Quote what the rooms cost, under the named package or under each that applies."""
    property_ = uow.property_of(request.property_id)
    stay = stay_from(request.check_in, request.check_out, property_.today(now))
    plans = quote(property_, stay, request.rooms, request.package)
    yield QuoteAnswered(
        request_id=request.request_id,
        success=True,
        currency=property_.currency,
        plans=plans,
        message=TEXTS.quote(property_, stay, plans, request.language),
        ignored=request.ignored or None,
    )


def quote_refused(request: QuoteRequested, refusal: Refusal) -> Message:
    """The answer when a quote is refused."""
    error = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return _no_quote(request.request_id, error, request.language, request.ignored)


def refuse_invalid_quote(_: UnitOfWork, invalid: QuoteInvalid, __: datetime) -> Iterable[Message]:
    """Answer an invalid request for a quote."""
    yield _no_quote(invalid.request_id, invalid.error, invalid.language)


def _no_count(request_id: str, error: RefusalDetails, language: Language, ignored: tuple[str, ...] = ()) -> Message:
    message = TEXTS.no_count(error, language)
    return CountAnswered(request_id=request_id, success=False, message=message, error=error, ignored=ignored or None)


def _no_quote(request_id: str, error: RefusalDetails, language: Language, ignored: tuple[str, ...] = ()) -> Message:
    message = TEXTS.no_quote(error, language)
    return QuoteAnswered(request_id=request_id, success=False, message=message, error=error, ignored=ignored or None)
