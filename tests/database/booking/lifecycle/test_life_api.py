"""Staff's commands over HTTP: each done once, what they are refused with, previews of the fee."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from pydantic import SecretStr

from services.booking.settings import Settings
from shared.auth.tokens import Caller, Role, issue, new_secret
from shared.contracts.availability import ChangeRooms, ReleaseRooms
from shared.contracts.booking.lifecycle import BookingCancelled, BookingModified, CancellationDecided, GuestCheckedIn
from shared.contracts.payments import FolioChanged, RepriceBooking
from shared.database.pool import Database
from tests.support.builders.bookings import CHECK_IN, CODES, replies, request
from tests.support.builders.lifecycle import Front, changed, days, kept, released, repriced
from tests.support.doubles.transport import START
from tests.support.servers.databases import FreshDatabase

pytestmark = pytest.mark.real


async def test_a_cancellation_frees_the_rooms_and_tells_when_the_money_is_settled(front: Front) -> None:
    booking = await front.confirmed()
    fee = await front.get(f"/bookings/{booking}/cancellation-fee")
    assert (fee["rule"], fee["fee"], fee["refund"]) == ("free", "0.00", "690.00")
    assert fee["policy"]["en"].startswith("Free of charge until 72 hours")
    done = await front.post(f"/bookings/{booking}/cancellation", reason="ill")
    assert (done["state"], done["status"], done["total"]) == ("done", "CANCELLED", "0.00")
    sent = front.office.messages
    assert [type(one) for one in sent[-3:]] == [CancellationDecided, ReleaseRooms, RepriceBooking]
    asked = sent[-1]
    assert (asked.total, asked.fee, asked.refunds, asked.reason) == (0, 0, True, "ill")
    await front.tell(released(booking), repriced(booking, asked.change, "0.00", "690.00"))
    told = front.office.messages[-1]
    assert isinstance(told, BookingCancelled)
    assert (told.refund, told.reservation_codes) == (690, CODES)
    course = await front.get(f"/bookings/{booking}")
    assert [(line["action"], line["who"]) for line in course["audit"]][2:] == [("CANCEL", "Marta"), ("REFUND", "Marta")]
    assert course["audit"][2]["reason"] == "ill"


async def test_late_the_first_night_is_the_fee_unless_the_staff_names_one(front: Front) -> None:
    booking = await front.confirmed()
    front.clock.forward(timedelta(days=4))
    fee = await front.get(f"/bookings/{booking}/cancellation-fee")
    assert (fee["rule"], fee["base"], fee["fee"], fee["refund"]) == ("first_night", "690.00", "690.00", "0.00")
    named = await front.get(f"/bookings/{booking}/cancellation-fee", fee="10.00")
    assert (named["rule"], named["refund"]) == ("staff", "680.00")
    too_high = await front.post(f"/bookings/{booking}/cancellation", 422, fee="690.01")
    assert too_high["error"]["reason"] == "fee_too_high"
    done = await front.post(f"/bookings/{booking}/cancellation", fee="10.00")
    assert (done["fee"], done["balance"]) == ("10.00", "-680.00")


async def test_a_stay_that_is_off_ends_nothing_else(front: Front) -> None:
    booking = await front.confirmed()
    off = await front.post(f"/bookings/{booking}/cancellation", codes=CODES[:1])
    assert off["status"] == "CONFIRMED"
    refused = await front.http.get(f"/bookings/{booking}/cancellation-fee", params={"code": CODES[0]})
    assert (refused.status_code, refused.json()["error"]["reason"]) == (422, "illegal_transition")


async def test_a_command_is_done_once_and_its_id_serves_nothing_else(front: Front) -> None:
    booking = await front.confirmed()
    body = {"command_id": str(uuid4()), "fee": "5.00"}
    answers = await asyncio.gather(*[front.post(f"/bookings/{booking}/cancellation", **body) for _ in range(5)])
    assert all(one == answers[0] for one in answers)
    assert len([one for one in front.office.messages if isinstance(one, RepriceBooking)]) == 1
    other = await front.post(f"/bookings/{booking}/cancellation", 422, **body | {"fee": "6.00"})
    assert other["error"]["reason"] == "done_otherwise"
    assert await front.get(f"/commands/{body['command_id']}") == answers[0]


async def test_a_refusal_names_what_is_allowed_and_is_repeated_as_it_was(front: Front) -> None:
    booking, command_id = await front.confirmed(), str(uuid4())
    first = await front.post(f"/bookings/{booking}/check-out", 422, command_id=command_id)
    assert first["error"]["details"]["allowed"] == ["CANCELLED", "CHECKED_IN", "COMPLETED", "NO_SHOW"]
    assert await front.post(f"/bookings/{booking}/check-out", 422, command_id=command_id) == first
    assert await front.get(f"/commands/{command_id}", 422) == first


async def test_what_is_not_there_and_what_is_not_through_yet(front: Front) -> None:
    missing = await front.post(f"/bookings/{uuid4()}/cancellation", 404)
    assert missing["error"]["reason"] == "unknown_booking"
    await front.get(f"/commands/{uuid4()}", 404)
    await front.get(f"/bookings/{uuid4()}/cancellation-fee", 404)
    booking = await front.confirmed()
    moved = days(CHECK_IN + timedelta(days=1), 1)
    await front.post(f"/bookings/{booking}/dates", 202, **moved)
    busy = await front.post(f"/bookings/{booking}/cancellation", 409)
    assert busy["error"]["reason"] == "change_under_way"


async def test_a_booking_whose_rooms_are_not_booked_yet_cannot_be_cancelled(front: Front) -> None:
    await front.tell(request(), *replies(settled=False))
    course = await front.get("/requests/r1")
    busy = await front.post(f"/bookings/{course['booking_id']}/cancellation", 409)
    assert busy["error"]["details"]["waiting_for"] == ["book rooms", "capture payment"]


async def test_other_dates_show_the_difference_as_the_balance(front: Front) -> None:
    booking = await front.confirmed()
    command_id, longer = str(uuid4()), days(CHECK_IN, 2)
    waits = await front.post(f"/bookings/{booking}/dates", 202, command_id=command_id, **longer)
    assert (waits["state"], waits["revision"]) == ("under_way", 0)
    asked = front.office.messages[-1]
    assert isinstance(asked, ChangeRooms)
    assert [(wish.room, wish.code) for wish in asked.rooms] == [("18", CODES[0]), ("19", CODES[1]), ("20", CODES[2])]
    await front.tell(changed(asked), kept(booking, asked.change), repriced(booking, asked.change, "690.00", "0.00"))
    done = await front.get(f"/commands/{command_id}")
    assert (done["state"], done["total"], done["balance"], done["revision"]) == ("done", "1380.00", "690.00", 1)
    (told,) = [one for one in front.office.messages if isinstance(one, BookingModified)]
    assert (told.revision, told.check_out) == (1, CHECK_IN + timedelta(days=2))
    course = await front.get(f"/bookings/{booking}")
    assert [room["amount"] for room in course["rooms"]] == ["517.50", "517.50", "345.00"]
    assert (course["balance"], course["revision"], course["change_under_way"]) == ("690.00", 1, None)
    same = await front.post(f"/bookings/{booking}/dates", 422, **longer)
    assert same["error"]["reason"] == "nothing_to_do"
    front.clock.forward(timedelta(days=5))
    await front.post(f"/bookings/{booking}/check-in")
    owed = await front.post(f"/bookings/{booking}/check-out", 422)
    assert owed["error"]["details"]["balance"] == "690.00"
    assert (await front.post(f"/bookings/{booking}/check-out", owing=True))["status"] == "CHECKED_OUT"


async def test_what_the_desk_takes_and_charges_counts_and_the_newest_word_of_it(front: Front) -> None:
    booking = await front.confirmed()
    minutes = [START + timedelta(minutes=n) for n in range(3)]
    later = FolioChanged(booking_id=booking, paid="700.00", charges="50.00", at=minutes[2])
    await front.tell(later, FolioChanged(booking_id=booking, paid="690.00", charges="50.00", at=minutes[1]))
    course = await front.get(f"/bookings/{booking}")
    assert (course["paid"], course["charges"], course["balance"]) == ("700.00", "50.00", "40.00")
    assert [line["action"] for line in course["audit"]] == ["CREATE", "CONFIRM", "UPDATE"]
    front.clock.forward(timedelta(days=5))
    await front.post(f"/bookings/{booking}/check-in")
    owed = await front.post(f"/bookings/{booking}/check-out", 422)
    assert owed["error"]["details"]["balance"] == "40.00"
    await front.tell(FolioChanged(booking_id=booking, paid="740.00", charges="50.00", at=front.clock()))
    assert (await front.post(f"/bookings/{booking}/check-out"))["balance"] == "0.00"


async def test_rooms_to_be_avoided_are_avoided_on_other_dates_too(front: Front) -> None:
    booking = await front.confirmed(avoid_rooms=["22", "23"])
    await front.post(f"/bookings/{booking}/dates", 202, **days(CHECK_IN + timedelta(days=1), 1))
    asked = front.office.messages[-1]
    assert isinstance(asked, ChangeRooms)
    assert asked.avoid_rooms == ("22", "23")


async def test_an_answer_to_another_change_is_passed_over(front: Front) -> None:
    booking = await front.confirmed()
    await front.post(f"/bookings/{booking}/dates", 202, **days(CHECK_IN + timedelta(days=1), 1))
    asked = front.office.messages[-1]
    await front.tell(changed(asked.model_copy(update={"change": 7})))
    assert not [one for one in front.office.messages if isinstance(one, BookingModified)]


async def test_stays_are_checked_in_one_by_one(front: Front) -> None:
    booking = await front.confirmed()
    front.clock.forward(timedelta(days=5))
    await front.post(f"/bookings/{booking}/check-in", codes=[CODES[1]])
    await front.post(f"/bookings/{booking}/check-in")
    told = [one.reservation_codes for one in front.office.messages if isinstance(one, GuestCheckedIn)]
    assert told == [(CODES[1],), (CODES[0], CODES[2])]
    rows = await front.ask("SELECT code, status, checked_in_by FROM stays ORDER BY line")
    assert [tuple(row) for row in rows] == [(code, "CHECKED_IN", "Marta") for code in CODES]
    unknown = await front.post(f"/bookings/{booking}/check-out", 422, codes=["HR1"])
    assert unknown["error"]["details"]["codes"] == list(CODES)


async def test_nobody_writes_without_a_token(fresh_database: FreshDatabase) -> None:
    database = Database(fresh_database("booking"))
    await database.open()
    front = Front(database, Settings(api_token=None))
    booking = await front.confirmed()
    await front.post(f"/bookings/{booking}/cancellation", 403)
    (listed,) = (await front.get("/bookings"))["bookings"]
    assert listed["guest"] == {"name": "A*** L***", "email": "a***@example.com", "phone": "***4567"}
    await database.close()


@pytest.mark.parametrize(("role", "code"), [(Role.VIEWER, 403), (Role.DESK, 403), (Role.MANAGER, 422)])
async def test_only_a_manager_overrules(front: Front, role: Role, code: int) -> None:
    keys = {"k1": SecretStr(new_secret())}
    mine = Front(front.database, Settings(api_token=None, api_keys=keys))
    token = issue(keys, Caller("Rosa", role), datetime.now(UTC), timedelta(hours=1))
    mine.http.headers["Authorization"] = f"Bearer {token}"
    booking = await mine.confirmed()
    await mine.post(f"/bookings/{booking}/check-out", code, owing=True)  # who may is told that nobody has arrived yet
    await mine.post(f"/bookings/{booking}/rejection", code)
    (listed,) = (await mine.get("/bookings"))["bookings"]
    assert listed["guest"]["name"] == "Ana López"  # in full for who has shown a token


@pytest.mark.parametrize("body", [{"who": ""}, {"fee": "-1"}, {"command_id": "x"}, {"fee": "1.001"}])
async def test_what_does_not_fit_is_named(front: Front, body: dict[str, str]) -> None:
    booking = await front.confirmed()
    answer = await front.post(f"/bookings/{booking}/cancellation", 422, **body)
    assert answer["detail"][0]["loc"][-1] == next(iter(body))
