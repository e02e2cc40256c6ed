"""Bodies of what gateways and sources of money may send, one for each type, with every field filled in."""

from __future__ import annotations

from typing import Any, Final

from shared.contracts.availability import CountRequested, QuoteRequested
from shared.contracts.booking import BookingRequested
from shared.contracts.conversations import ChatMessage
from shared.contracts.payments import MarkFrustrated, TransferArrived, VerifyPayment, WithdrawPayment
from shared.messages.message import Message

Json = dict[str, Any]

_ROOM: Final = {"type": "Junior", "adults": 2, "children_0_to_5": 1, "children_6_to_10": 0, "extra_beds": 1}
_DECISION: Final = {"booking_id": "123e4567-e89b-42d3-a456-426614174000", "staff": "Marta", "reason": "wrote twice"}

BOOKING: Final[Json] = {
    "request_id": "chat-1",
    "property_id": "las-hojas",
    "guest": {
        "name": "Ana López",
        "email": "ana@example.com",
        "phone": "+503 7123 4567",
        "city": "Santa Ana",
        "document": "01234567-8",
        "nationality": "salvadoreña",
    },
    "check_in": "2027-03-15",
    "check_out": "2027-03-16",
    "package": "Las Hojas",
    "rooms": [{**_ROOM, "extra_beds_cost": "10.00"}, _ROOM],
    "payment": {
        "method": "bank_transfer",
        "amount": "690.00",
        "payer": "Juan López",
        "reference": "TEF 1",
        "slip_date": "2027-03-01",
        "slip_amount": 690,
        "authorization_number": "A7",
        "payment_id": "p-1",
    },
    "instructions": "late",
    "language": "es",
    "avoid_rooms": ["22", "23"],
    "contact": {"wa_id": "50371234567", "subscriber_id": "fb_1", "channel": "messenger"},
    "policy": "best_effort",
}
FLAT: Final[Json] = {
    "request_id": "chat-1",
    "customer_name": "Ana López",
    "customer_email": "ana@example.com",
    "phone_number": "+50371234567",
    "city": "Santa Ana",
    "dui_passport": "01234567-8",
    "nationality": "salvadoreña",
    "check_in_date": "2027-03-15",
    "check_out_date": "2027-03-16",
    "package_type": "Las Hojas",
    "bungalow_type": "Junior",
    "adults": "2",
    "children_0_5": 1,
    "children_6_10": 0,
    "extra_beds": 0,
    "payment_method": "Depósito BAC",
    "payment_amount": 172.5,
    "payment_maker_name": "Juan López",
    "transfer_reference": "TEF 1",
    "transfer_id": "p-1",
    "slip_date": "2027-03-01",
    "customer_instructions": "late",
    "excluded_rooms": ["22"],
    "wa_id": "50371234567",
    "channel": "wati",
}
COUNT: Final[Json] = {
    "request_id": "count-1",
    "property_id": "las-hojas",
    "check_in": "2027-03-15",
    "check_out": "2027-03-16",
    "wanted": [{"type": "Junior", "count": 3}, {"type": "Familiar"}],
    "language": "en-GB",
}
QUOTE: Final[Json] = {
    "request_id": "quote-1",
    "property_id": "las-hojas",
    "check_in": "2027-03-15",
    "check_out": "2027-03-16",
    "package": "Las Hojas",
    "rooms": [{"line": 1, **_ROOM, "extra_beds_cost": 10}],
    "language": "es",
}
VERIFICATION: Final[Json] = {
    "request_id": "verify-1",
    "property_id": "las-hojas",
    "slip_date": "2027-03-01",
    "slip_amount": "690.00",
    "booking_amount": 690.0,
    "authorization_number": "A7",
    "payer": "Juan López",
    "reference": "TEF 1",
    "currency": "USD",
    "language": "es",
}
TRANSFER: Final[Json] = {
    "transfer_id": "BAC-1",
    "source": "bank",
    "property_id": "las-hojas",
    "method": "bank_transfer",
    "amount": "690.00",
    "currency": "USD",
    "posted_on": "2027-03-01",
    "payer": "Juan López",
    "reference": "TEF 1",
    "authorization_number": "A7",
}
CHAT: Final[Json] = {
    "message_id": "m-1",
    "contact": "50371234567",
    "channel": "whatsapp",
    "property_id": "las-hojas",
    "author": "tenant",
    "name": "Ana López",
    "text": "hola",
    "attachments": [{"url": "https://example.com/a.jpg", "media_type": "image/jpeg", "size": 10, "name": "a.jpg"}],
    "sent_at": "2027-03-01T10:00:00Z",
    "provider": "wati",
    "provider_thread_id": "t-1",
}
BODIES: Final[tuple[tuple[type[Message], Json], ...]] = (
    (BookingRequested, BOOKING),
    (BookingRequested, FLAT),
    (CountRequested, COUNT),
    (QuoteRequested, QUOTE),
    (VerifyPayment, VERIFICATION),
    (MarkFrustrated, _DECISION),
    (WithdrawPayment, _DECISION),
    (TransferArrived, TRANSFER),
    (ChatMessage, CHAT),
)
