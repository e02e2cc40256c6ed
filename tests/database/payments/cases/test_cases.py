"""Cases for the staff: what waits for them, what they may decide, and what becomes of what nobody decides."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from services.payments.requests.retries import Stage
from services.payments.requests.terms import PropertyTerms, Unfound
from services.payments.settings import OwnTerms, Settings
from services.payments.transfers.payment import payment_id_of
from shared.contracts.common import PaymentMethod
from shared.contracts.notifications import StaffAlerted
from shared.contracts.payments import (
    MarkFrustrated,
    PaymentAwaited,
    PaymentRefused,
    PaymentReserved,
    RequestDone,
    WithdrawPayment,
)
from shared.database.pool import Database
from shared.messages.message import Message
from tests.support.builders.payments import (
    NOW,
    booking,
    capture,
    record_of,
    reserve,
    transfer,
)
from tests.support.doubles.transport import process_records
from tests.support.sagas.payments_service import House

A, B = payment_id_of("kafka", "A"), payment_id_of("kafka", "B")
DECIDED = {"staff": "Marta", "reason": "she called"}
CASE = f"/bookings/{booking()}/payment-case"


def names(messages: list[Message]) -> list[str]:
    return [type(message).__name__ for message in messages]


async def ambiguous(house: House) -> list[Message]:
    return await house.tell(transfer("A"), transfer("B"), reserve(payer="Ana Paz"))


async def test_an_ambiguous_slip_waits_for_the_staff_with_everything_known(house: House) -> None:
    waits, alert = await ambiguous(house)
    assert isinstance(waits, PaymentAwaited)
    assert (waits.next_attempt_at, waits.opens_stage) == (NOW + timedelta(hours=12), True)
    assert waits.escalated  # the guest hears that a person has it
    assert waits.keep_until > waits.next_attempt_at
    assert isinstance(alert, StaffAlerted)
    (listed,) = await house.get("/payment-cases")
    assert (listed["booking_id"], listed["status"]) == (str(booking()), "escalated")
    case = await house.get(CASE)
    assert (case["verdict"], case["claim"]["payer"]) == ("ambiguous", "Ana Paz")
    assert {one["transfer_id"]: one["for"] for one in case["payments"]} == {
        "A": ["amount_agrees", "date_agrees"],
        "B": ["amount_agrees", "date_agrees"],
    }
    assert await house.reserved() == 0


async def test_the_staff_chooses_the_transfer_and_the_booking_goes_on(house: House) -> None:
    await ambiguous(house)
    for _ in range(2):  # asked twice, done once
        record = await house.put(f"{CASE}/choice", DECIDED | {"payment_id": str(B)})
        assert (record["status"], record["found_later"]) == ("reserved", True)
    (reply,) = await house.sent()
    assert isinstance(reply, PaymentReserved)
    assert (reply.payment_id, reply.found_later) == (str(B), True)
    assert await house.reserved() == Decimal("690.00")
    case = await house.get(CASE)
    assert [(one["action"], one["staff"], one["payment_id"]) for one in case["rulings"]] == [
        ("transfer_chosen", "Marta", str(B))
    ]
    *_, last = await house.get(f"/payments/{B}/entries")
    assert (last["kind"], last["staff"]) == ("reserved", "Marta")
    assert names(await house.tell(capture())) == ["PaymentCaptured"]
    assert await house.ring() == []  # the staff's time ends, and nothing is left to decide


async def test_the_staff_may_choose_what_the_matching_never_would(house: House) -> None:
    """Another date, another payer, more money: people know more than a slip says."""
    await house.tell(transfer("A", "900.00", posted_on="2025-01-02"), reserve(), MarkFrustrated(booking_id=booking()))
    await house.put(f"{CASE}/choice", DECIDED | {"payment_id": str(A)})
    assert await house.reserved() == Decimal("690.00")


@pytest.mark.parametrize(
    ("money", "reason"),
    [
        (transfer("A", "689.99", posted_on="2025-01-02"), "payment_insufficient"),
        (transfer("A", currency="EUR"), "payment_in_another_currency"),
        (transfer("A", property_id="elsewhere"), "payment_of_another_property"),
        (transfer("B", posted_on="2025-01-02"), "payment_unknown"),
    ],
)
async def test_no_choice_takes_money_that_is_not_there(house: House, money: Message, reason: str) -> None:
    await house.tell(money, reserve())
    refused = await house.put(f"{CASE}/choice", DECIDED | {"payment_id": str(A)}, 422)
    assert refused["error"]["reason"] == reason
    assert await house.reserved() == 0
    assert (await house.get(CASE))["rulings"] == []


async def test_the_staff_declines_and_the_booking_fails(house: House) -> None:
    await ambiguous(house)
    record = await house.put(f"{CASE}/refusal", DECIDED)
    assert record["status"] == "refused"
    (reply,) = await house.sent()
    assert isinstance(reply, PaymentRefused)
    assert reply.refusal.reason == "payment_declined"
    assert "she called" not in reply.model_dump_json()
    assert await house.reserved() == 0
    settled = await house.put(f"{CASE}/choice", DECIDED | {"payment_id": str(A)}, 422)
    assert settled["error"]["details"]["status"] == "refused"


async def test_what_nobody_decides_fails_when_the_staffs_time_ends(house: House) -> None:
    await ambiguous(house)
    (reply,) = await house.ring()
    assert house.clock() == NOW + timedelta(hours=12)
    assert isinstance(reply, PaymentRefused)
    assert reply.refusal.reason == "payment_ambiguous"
    assert await house.get("/payment-cases") == []


async def test_a_frustrated_guest_is_escalated_at_once(house: House) -> None:
    await house.tell(reserve())
    record = await house.put(f"{CASE}/frustration", DECIDED)
    assert (record["status"], record["stage"], record["attempt"]) == ("escalated", 1, 1)
    waits, alert, done = await house.sent()
    assert isinstance(done, RequestDone)
    assert isinstance(waits, PaymentAwaited)
    assert waits.opens_stage is False  # the guest has heard of the search
    assert waits.escalated  # and hears now that a person has it
    assert isinstance(alert, StaffAlerted)
    assert (alert.code, alert.details["attempt"]) == ("payment_not_found", 1)


async def test_a_frustrated_guests_search_goes_on_no_longer(house: House) -> None:
    await house.tell(reserve(), MarkFrustrated(booking_id=booking()))
    assert await house.tell(transfer()) == []
    while house.clock() < NOW + timedelta(hours=12):
        rung = await house.ring()
    assert names(rung) == ["PaymentRefused"]


async def test_a_frustrated_guest_whose_money_just_came_is_served(house: House) -> None:
    """Two bookings wait for the same sum; when it comes the second is told at the next look."""
    await house.tell(reserve("other", reference="77"), reserve(reference="78"))
    async with house.database.connection() as connection:  # recorded by an instance that saw no request
        await connection.execute(
            "INSERT INTO payments (id, source, transfer_id, method, amount, currency, posted_on, reference,"
            " reference_key, arrived_at) VALUES ($1, 'x', 'A', 'bank_transfer', 690, 'USD', $2, '78', '78', $3)",
            A,
            NOW.date(),
            NOW,
        )
    assert names(await house.tell(MarkFrustrated(booking_id=booking()))) == ["PaymentReserved", "RequestDone"]
    await process_records(house.consumer, [record_of(MarkFrustrated(booking_id=booking()), "again")])
    (again,) = house.post.taken()
    assert isinstance(again, RequestDone)
    assert (again.asked, again.changed) == ("frustration", False)


async def test_a_gateway_withdraws_and_nothing_is_looked_for_again(house: House) -> None:
    await house.tell(reserve())
    reply, answer = await house.tell(WithdrawPayment(booking_id=booking(), reason="changed her mind"))
    assert isinstance(reply, PaymentRefused)
    assert isinstance(answer, RequestDone)
    assert (answer.booking_id, answer.asked, answer.changed) == (booking(), "withdrawal", True)
    await process_records(house.consumer, [record_of(WithdrawPayment(booking_id=booking()), "again")])
    (again,) = house.post.taken()
    assert isinstance(again, RequestDone)
    assert not again.changed
    assert reply.refusal.reason == "payment_withdrawn"
    assert await house.tell(transfer()) == []
    assert await house.ring() == []
    assert await house.reserved() == 0
    (ruling,) = (await house.get(CASE))["rulings"]
    assert (ruling["action"], ruling["staff"], ruling["reason"]) == ("withdrawn", None, "changed her mind")


async def test_what_is_reserved_is_not_withdrawn(house: House) -> None:
    await house.tell(transfer(), reserve())
    refused = await house.put(f"{CASE}/withdrawal", DECIDED, 422)
    assert refused["error"]["details"]["status"] == "reserved"
    assert await house.reserved() == Decimal("690.00")


@pytest.mark.parametrize("what", ["choice", "refusal", "frustration", "withdrawal"])
async def test_only_who_shows_the_token_decides(house: House, database: Database, payments_url: str, what: str) -> None:
    await house.tell(reserve())
    body = DECIDED | {"payment_id": str(A)}
    wrong = await house.client.post(f"{CASE}/{what}", json=body, headers={"Authorization": "Bearer guessed"})
    assert wrong.status_code == 401
    open_house = House(database, payments_url, token=None)
    async with open_house.client as client:
        assert (await client.post(f"{CASE}/{what}", json=body)).status_code == 403
    assert (await house.get(CASE))["rulings"] == []


async def test_a_case_of_nobody_is_refused_by_name(house: House) -> None:
    path = f"/bookings/{booking('nobody')}/payment-case"
    refused = await house.put(f"{path}/withdrawal", DECIDED, 422)
    assert refused["error"]["reason"] == "booking_unknown"
    assert (await house.client.get(path)).status_code == 404


def test_each_property_has_its_own_terms_by_method() -> None:
    own = OwnTerms(
        retry_attempts={PaymentMethod.CARD_LINK: (1,)}, retry_intervals=(60.0, 120.0, 180.0), unfound=Unfound.FAIL
    )
    terms = Settings(unfound=Unfound.WAIT_FOR_STAFF, property_terms={"playa": own}).terms()
    minute = timedelta(minutes=1)
    assert terms.of("playa").schedule(PaymentMethod.CARD_LINK) == (Stage(1, minute),)
    assert terms.of("playa").schedule(PaymentMethod.BANK_TRANSFER)[0] == Stage(6, minute)
    assert (terms.of("playa").unfound, terms.of("montaña").unfound) == (Unfound.FAIL, Unfound.WAIT_FOR_STAFF)
    assert terms.of("montaña").schedules == PropertyTerms().schedules


def test_a_property_without_enough_intervals_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="one for each stage"):
        Settings(property_terms={"playa": OwnTerms(retry_intervals=(60.0,))})
