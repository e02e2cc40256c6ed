"""An external system gets the whole guest, and types, packages and payment methods in its own words."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.availability.catalogue import About, OutsideWordRecord, TypeRecord
from services.availability.catalogue.model import PackageRecord
from services.availability.catalogue.repository import CatalogueRepository
from services.availability.external.adapters.words import words_of
from services.booking.requests.saga.messages import order_rooms
from shared.errors import Refusal
from tests.database.availability.conftest import Availability
from tests.support.builders.bookings import held as rooms_held
from tests.support.builders.bookings import request, wish
from tests.support.builders.given_booking import Given
from tests.support.doubles.external_availability import Outside, connect, held, order
from tests.support.doubles.fake_pms import FakePms, serving
from tests.support.doubles.loopback import LOOPBACK
from tests.support.doubles.transport import START

pytestmark = pytest.mark.real
GUEST = {
    "name": "Ana López",
    "email": "ana@example.com",
    "phone": "+50371234567",
    "city": "Santa Ana",
    "document": "01234567-8",
    "nationality": "salvadoreña",
}


@pytest.fixture
async def fake_pms() -> AsyncIterator[FakePms]:
    async with serving(FakePms(rooms=tuple(str(number) for number in range(18, 22)))) as running:
        yield running


@pytest.fixture
async def records(service: Availability, fake_pms: FakePms) -> CatalogueRepository:
    records = CatalogueRepository(service.database, edited=service.repository.forget, allowed=LOOPBACK)
    await connect(records, fake_pms)
    return records


async def ordered(outside: Outside, fake_pms: FakePms, **more: Any) -> dict[str, Any]:
    """The body that the system gets of an order."""
    await outside.tell(order(await held(outside, wish(1)), **more))
    return [body for call, body in fake_pms.calls if call == "bookRoom"][-1]


def word(about: str, ours: str, theirs: str) -> OutsideWordRecord:
    return OutsideWordRecord.model_validate(
        {"property_id": "las-hojas", "about": about, "ours": ours, "theirs": theirs}
    )


async def test_it_is_told_in_its_own_words_and_in_ours_where_it_has_none(
    service: Availability, records: CatalogueRepository, fake_pms: FakePms
) -> None:
    outside = Outside(service, records)
    body = await ordered(outside, fake_pms, package="LAS HOJAS")
    assert (body["type"], body["package"], body["paymentMethod"]) == ("Junior", "Las Hojas", "bank_transfer")
    await records.put(word("type", "Junior", "JR-SUP"), START)
    await records.put(word("package", "las_hojas", "Plan Hojas"), START)
    await records.put(word("method", "bank_transfer", "Depósito BAC"), START)
    for package in ("las_hojas", "Las Hojas", "las hojas"):
        body = await ordered(Outside(service, records), fake_pms, package=package)
        assert (body["type"], body["package"], body["paymentMethod"]) == ("JR-SUP", "Plan Hojas", "Depósito BAC")


async def test_a_word_for_a_type_that_there_is_not_is_refused(records: CatalogueRepository) -> None:
    with pytest.raises(Refusal, match="Igloo"):
        await records.put(word("type", "Igloo", "IG"), START)


async def test_it_gets_the_whole_guest(service: Availability, records: CatalogueRepository, fake_pms: FakePms) -> None:
    facts = {name: GUEST[name] for name in GUEST if name != "name"}
    body = await ordered(Outside(service, records), fake_pms, guest_facts=facts)
    assert {name: body[name] for name in facts} == facts
    assert body["guest"] == "Ana López"
    assert "payment_id" not in body


def test_booking_hands_the_whole_guest_on() -> None:
    asked = request(guest=GUEST)
    given = Given().request(asked).reply(rooms_held())
    (command,) = [one for one in order_rooms(given.saga.data, START) if hasattr(one, "guest_facts")]
    assert command.guest_facts.model_dump() == {name: GUEST[name] for name in GUEST if name != "name"}


def test_words_are_found_by_whatever_a_request_calls_a_thing() -> None:
    types = [TypeRecord(property_id="p", type="habitacion", label="Habitación", adults=2, guests=2)]
    packages = [PackageRecord(property_id="p", package="romantico", name="Romántico")]
    words = words_of([word("package", "romantico", "ROM")], types, packages)
    for written in ("Romántico", "romantico", " ROMANTICO "):
        assert words.of(About.PACKAGE, written) == "ROM"
    assert words.of(About.TYPE, "habitacion") == "Habitación"
    assert words.of(About.METHOD, "card_link") == "card_link"
