"""Counts and quotes: what can be had, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from services.availability.external import model
from services.availability.inventory.counting import free_counts, shortages
from services.availability.inventory.stay import stay_from
from services.availability.inventory.texts import wording
from services.availability.pricing import quotes
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
    """Free rooms of every type, and whether what is wanted can be had."""
    house = uow.house(request.property_id)
    stay = stay_from(request.check_in, request.check_out, house.today(now))
    wanted = [house.room_type(wish.type).key for wish in request.wanted for _ in range(wish.count)]
    if house.outside and (house.id, stay) not in uow.seen_outside:
        uow.external_jobs.append(model.look(house, stay, count=request))
        return
    counts = free_counts(uow, house, stay)
    short = shortages(wanted, counts)
    yield CountAnswered(
        request_id=request.request_id,
        success=True,
        can_fulfill=not short,
        available_counts=counts,
        shortages=short,
        message=wording.count(house, stay, counts, short, request.language, wanted=bool(wanted)),
    )


def count_refused(request: CountRequested, refusal: Refusal) -> Message:
    """The answer to a count that cannot be made."""
    error = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return _no_count(request.request_id, error, request.language)


def refuse_invalid_count(_: UnitOfWork, asked: CountInvalid, __: datetime) -> Iterable[Message]:
    """Say what is wrong with a request for a count."""
    yield _no_count(asked.request_id, asked.error, asked.language)


def quote_rooms(uow: UnitOfWork, request: QuoteRequested, now: datetime) -> Iterable[Message]:
    """What the rooms cost, under the package that is named or under each that applies."""
    house = uow.house(request.property_id)
    stay = stay_from(request.check_in, request.check_out, house.today(now))
    plans = quotes.quote(house, stay, request.rooms, request.package)
    yield QuoteAnswered(
        request_id=request.request_id,
        success=True,
        currency=house.currency,
        plans=plans,
        message=wording.quote(house, stay, plans, request.language),
    )


def quote_refused(request: QuoteRequested, refusal: Refusal) -> Message:
    """The answer to a quote that cannot be made."""
    error = RefusalDetails(reason=refusal.code, text=refusal.text, details=refusal.details)
    return _no_quote(request.request_id, error, request.language)


def refuse_invalid_quote(_: UnitOfWork, asked: QuoteInvalid, __: datetime) -> Iterable[Message]:
    """Say what is wrong with a request for a quote."""
    yield _no_quote(asked.request_id, asked.error, asked.language)


def _no_count(request_id: str, error: RefusalDetails, language: Language) -> Message:
    return CountAnswered(request_id=request_id, success=False, message=wording.no_count(error, language), error=error)


def _no_quote(request_id: str, error: RefusalDetails, language: Language) -> Message:
    message = wording.no_quote(error, language)
    return QuoteAnswered(request_id=request_id, success=False, message=message, error=error)
