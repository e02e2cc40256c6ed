"""Dates are told where the property is, and not where the house is."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from services.payments.requests.handlers import capture_payment, reserve_payment, verify_payment
from services.payments.requests.search_handlers import transfer_arrived
from services.payments.requests.terms import PropertyTerms, Terms
from services.payments.settings import OwnTerms
from services.payments.unit_of_work import UnitOfWork
from shared.contracts.payments import PaymentRefused, PaymentVerified, VerifyPayment
from shared.database.pool import Database
from tests.support.builders.payments import COST, NOW, SLIP_DATE, booking, capture, reserve, transfer
from tests.support.sagas.payments_service import House

ABROAD = "tokyo"  # where it is the 16th already
HERE, THERE = date(2025, 3, 15), date(2025, 3, 16)
TERMS = Terms(properties={ABROAD: PropertyTerms(zone=ZoneInfo("Asia/Tokyo"))})


def used(property_id: str) -> UnitOfWork:
    """A world in which a booking of a property has used a transfer that serves any property."""
    uow = UnitOfWork(TERMS)
    transfer_arrived(uow, transfer(reference="77"), NOW)
    reserve_payment(uow, reserve(property_id=property_id, reference="77"), NOW)
    capture_payment(uow, capture(), NOW)
    return uow


@pytest.mark.parametrize(("property_id", "day"), [("las-hojas", HERE), (ABROAD, THERE)])
def test_a_refusal_tells_the_date_of_use_at_the_property(property_id: str, day: date) -> None:
    again = reserve("second", property_id=property_id, reference="77")
    (refused,) = reserve_payment(used(property_id), again, NOW)
    assert isinstance(refused, PaymentRefused)
    assert refused.refusal.details["used_on"] == day.isoformat()
    assert f"{day.day} de marzo de 2025" in refused.refusal.text


@pytest.mark.parametrize(("property_id", "day"), [("las-hojas", HERE), (ABROAD, THERE)])
def test_so_does_a_question(property_id: str, day: date) -> None:
    slip = {"slip_date": SLIP_DATE, "slip_amount": COST, "booking_amount": COST, "reference": "77"}
    ask = VerifyPayment(request_id="q", property_id=property_id, **slip)
    (answer,) = verify_payment(used(property_id), ask, NOW)
    assert isinstance(answer, PaymentVerified)
    assert answer.used_on == day
    assert str(day.day) in answer.message


@pytest.mark.parametrize(("property_id", "day"), [("las-hojas", HERE), (ABROAD, THERE)])
async def test_so_do_the_flat_view_and_money_taken_at_the_desk(
    database: Database, payments_url: str, property_id: str, day: date
) -> None:
    own = {ABROAD: OwnTerms(timezone=ZoneInfo("Asia/Tokyo"))}
    house = House(database, payments_url, property_terms=own)
    async with house.client:
        await house.tell(transfer(), reserve(property_id=property_id), capture())
        (line,) = await house.get("/payments/flat")
        assert line["date_used"] == day.isoformat()
        taken = {"payment_id": str(booking("at the desk")), "method": "cash", "amount": "5.00", "currency": "USD"}
        await house.put(f"/bookings/{booking()}/payments", taken | {"staff": "Marta"})
        lines = {one["amount"]: one["posted_on"] for one in await house.get("/payments/flat")}
        assert lines["5.00"] == day.isoformat()
