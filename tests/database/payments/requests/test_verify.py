"""Whether a payment is there: asked over Kafka and over HTTP, answered alike, and nothing is reserved."""

from __future__ import annotations

from itertools import count
from typing import Any

import orjson
import pytest

from services.payments.transfers.payment import payment_id_of
from shared.contracts.common import Language
from shared.contracts.payments import PaymentVerified, VerifyPayment
from shared.messages.message import Message
from tests.support.builders.payments import SLIP_DATE, capture, card, record_of, reserve, reserve_by_card, transfer
from tests.support.doubles.transport import message_of, process_records, raw_record
from tests.support.sagas.payments_service import House

offsets = count()
SLIP = {"slip_date": SLIP_DATE, "slip_amount": "690.00", "booking_amount": "690.00"}


async def asked(house: House, **facts: Any) -> PaymentVerified:
    """The answer over Kafka, which is that over HTTP as well."""
    question = VerifyPayment(request_id="q1", **facts)
    before = await house.database_state()
    await process_records(house.consumer, [record_of(question, "q1", next(offsets))])
    (answer,) = house.post.taken()
    assert isinstance(answer, PaymentVerified)
    assert await house.put("/payments/verify", question.model_dump(mode="json")) == answer.model_dump(mode="json")
    assert await house.database_state() == before, "a question changed something"
    return answer


async def test_a_payment_is_found_with_what_is_left_of_it(house: House) -> None:
    await house.tell(transfer(amount="1000.00"), reserve("other", "300.00", slip_amount="1000.00"))
    answer = await asked(house, **SLIP | {"slip_amount": "1000.00"})
    assert (answer.result, str(answer.left)) == ("found", "700.00")
    assert answer.payment_id == str(payment_id_of("kafka", "T1"))
    assert "$700.00" in answer.message


@pytest.mark.parametrize(
    ("language", "said"),
    [(Language.SPANISH, "pero no con la referencia"), (Language.ENGLISH, "but not with the reference")],
)
async def test_a_payment_under_another_reference_is_told_as_such(house: House, language: Language, said: str) -> None:
    await house.tell(transfer(reference="77"))
    answer = await asked(house, **SLIP, reference="99", language=language)
    assert (answer.result, answer.payment_id) == ("ambiguous", None)
    assert said in answer.message


@pytest.mark.parametrize(
    ("there", "question", "result", "difference"),
    [
        ([], SLIP, "not_yet", None),
        ([transfer("A"), transfer("B")], SLIP, "ambiguous", None),
        ([transfer("A", payer="Ana Paz"), transfer("B")], SLIP | {"payer": "Ana Paz"}, "found", None),
        ([transfer(amount="600.00")], SLIP | {"slip_amount": "600.00"}, "too_little", "90.00"),
        ([transfer()], {"slip_date": SLIP_DATE, "slip_amount": "690.00"}, "found", None),
        ([card()], {"authorization_number": "a 7"}, "found", None),
        ([card()], {"authorization_number": "A8"}, "not_yet", None),
        ([card(amount="600.00")], {"authorization_number": "A7", "booking_amount": "690.00"}, "too_little", "90.00"),
    ],
)
async def test_what_may_come_of_it(
    house: House, there: list[Message], question: dict[str, Any], result: str, difference: str | None
) -> None:
    await house.tell(*there)
    answer = await asked(house, **question)
    assert (answer.result, answer.difference and str(answer.difference)) == (result, difference)
    assert answer.message


async def test_used_money_names_its_codes_and_the_date(house: House) -> None:
    await house.tell(card(), reserve_by_card(), capture())
    answer = await asked(house, authorization_number="A7")
    assert (answer.result, answer.codes_text) == ("used", "HR26181, HR26182, HR26183 (3 habitaciones)")
    assert str(answer.used_on) == "2025-03-15"
    assert "HR26181, HR26182, HR26183 (3 habitaciones)" in answer.message
    assert "15 de marzo de 2025" in answer.message
    english = await asked(house, authorization_number="A7", language=Language.ENGLISH)
    assert "HR26181, HR26182, HR26183 (3 rooms)" in english.message


async def test_what_the_question_lacks_is_named(house: House) -> None:
    answer = await asked(house, slip_amount="690.00")
    assert (answer.result, answer.missing) == ("missing", ("slip_date",))
    assert "la fecha del comprobante" in answer.message


async def raw(house: House, body: bytes) -> Any:
    """What is sent because of a question as a gateway writes it, without headers."""
    await process_records(house.consumer, [raw_record("posada.payments.requests", body, headers=VERIFY)])
    (row,) = house.post.rows
    house.post.rows = []
    return row


VERIFY = [("ce_type", VerifyPayment.type_name.encode())]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"slip_date": "15/03/2026"}, "slip_date"),
        ({"slip_amount": "-1"}, "slip_amount"),
        ({"slip_date": "2199-01-01", "slip_amount": "1.00"}, "slip_date"),
        ({"booking_amount": "690.001"}, "booking_amount"),
        ({"currency": "dollars"}, "currency"),
        ({"authorization_number": "\n\0"}, "authorization_number"),
    ],
)
async def test_a_question_that_cannot_be_read_is_answered_with_its_reason(
    house: House, wrong: dict[str, Any], field: str
) -> None:
    answer = message_of(await raw(house, orjson.dumps({"request_id": "q7"} | wrong)))
    assert isinstance(answer, PaymentVerified)
    assert (answer.request_id, answer.result) == ("q7", "invalid")
    assert answer.error
    assert answer.error.details["field"] == field
    assert field in answer.error.text
    assert f"corrija este dato: {field}" in answer.message
    english = message_of(await raw(house, orjson.dumps({"request_id": "q8", "language": "en"} | wrong)))
    assert "correct this detail" in english.message


@pytest.mark.parametrize(("request_id", "result"), [("", "missing"), (None, "missing"), ("x" * 101, "invalid")])
async def test_a_question_without_a_usable_id_is_answered_under_its_record_s(
    house: House, request_id: Any, result: str
) -> None:
    answer = message_of(await raw(house, orjson.dumps({"request_id": request_id, "slip_amount": "1"})))
    assert isinstance(answer, PaymentVerified)
    assert answer.request_id.startswith("kafka/posada.payments.requests/0/")
    assert answer.result == result


@pytest.mark.parametrize("kind", ["posada.payments.verify-payment.v2", "posada.booking.requested.v1"])
async def test_a_type_that_the_topic_does_not_know_is_answered(house: House, kind: str) -> None:
    record = raw_record(
        "posada.payments.requests", orjson.dumps({"request_id": "q9"}), headers=[("ce_type", kind.encode())]
    )
    await process_records(house.consumer, [record])
    (row,) = house.post.rows
    answer = message_of(row)
    assert isinstance(answer, PaymentVerified)
    assert (answer.request_id, answer.result) == ("q9", "invalid")
    assert answer.error
    assert answer.error.details["field"] == "ce_type"
