"""The guests of the scripted day: what each asks for, and the bank's line of what each paid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

from shared.contracts.booking import BookingRequested, booking_id_of
from shared.contracts.payments import TransferArrived

PROPERTY = "las-hojas"
PACKAGE = "Las Hojas"


@dataclass(frozen=True)
class Guest:
    """Who wants which rooms; `parties` are the adults of each room, `paid` is what the slip says, in US dollars.

    A `vague` guest's slip bears no reference, and the bank has two lines of that amount without a name.
    """

    name: str
    phone: str
    room_type: str
    parties: tuple[int, ...]
    paid: str
    check_in: date
    day: str
    vague: bool = False

    @property
    def first_name(self) -> str:
        """For a timeline's narrow column."""
        return self.name.split()[0]

    @property
    def request_id(self) -> str:
        """Another on every day that is played, so that a kept cluster books anew."""
        return f"demo-{self.day}-{self.first_name.lower()}"

    @property
    def booking_id(self) -> UUID:
        """The booking that the request becomes."""
        return booking_id_of(self.request_id)

    def request(self) -> BookingRequested:
        """What the guest's gateway publishes."""
        return BookingRequested.model_validate(
            {
                "request_id": self.request_id,
                "property_id": PROPERTY,
                "guest": {"name": self.name, "email": f"{self.first_name.lower()}@example.com"},
                "check_in": self.check_in,
                "check_out": self.check_in + timedelta(days=1),
                "package": PACKAGE,
                "rooms": [self._room(adults) for adults in self.parties],
                "payment": {
                    "method": "bank_transfer",
                    "amount": self.paid,
                    "reference": self._reference,
                    "slip_date": _today(),
                    "slip_amount": self.paid,
                },
                "contact": {"wa_id": self.phone, "channel": "whatsapp"},
            }
        )

    def transfers(self) -> tuple[TransferArrived, ...]:
        """What the bank says of the guest's payment, or of payments that could be it."""
        ids = (f"{self.request_id}-a", f"{self.request_id}-b") if self.vague else (self.request_id,)
        return tuple(map(self._transfer, ids))

    def _transfer(self, transfer_id: str) -> TransferArrived:
        return TransferArrived.model_validate(
            {
                "transfer_id": transfer_id,
                "source": "demo",
                "property_id": PROPERTY,
                "amount": self.paid,
                "posted_on": _today(),
                "payer": None if self.vague else self.name,
                "reference": self._reference,
            }
        )

    @property
    def _reference(self) -> str | None:
        return None if self.vague else f"{self.day}{self.phone[-4:]}"

    def _room(self, adults: int) -> dict[str, Any]:
        return {"type": self.room_type, "adults": adults, "children_0_to_5": 0, "children_6_to_10": 0}


@dataclass(frozen=True)
class Guests:
    """The guests of one day."""

    family: Guest
    wedding: Guest
    racers: tuple[Guest, ...]
    late: Guest
    short: Guest
    delayed: Guest
    vague: Guest

    @property
    def everybody(self) -> tuple[Guest, ...]:
        """In the order in which they come."""
        return (self.family, self.wedding, *self.racers, self.late, self.short, self.delayed, self.vague)


def invite(check_in: date) -> Guests:
    """The guests of a day that is played now, for one night from `check_in`."""
    day = uuid4().hex[:6]

    def guest(name: str, phone: str, room_type: str, parties: tuple[int, ...], paid: str, **more: bool) -> Guest:
        return Guest(name, phone, room_type, parties, paid, check_in, day, **more)

    return Guests(
        family=guest("Ana María López", "50371230001", "Junior", (3, 3, 2), "690.00"),
        wedding=guest("Bruno Hernández", "50371230002", "Matrimonial", (2, 2, 2, 2), "690.00"),
        racers=(
            guest("Carla Rivas", "50371230003", "Matrimonial", (2,), "172.50"),
            guest("Diego Portillo", "50371230004", "Matrimonial", (2,), "172.50"),
            guest("Elena Cruz", "50371230005", "Matrimonial", (2,), "172.50"),
        ),
        late=guest("Fernando Mejía", "50371230006", "Familiar", (4,), "345.00"),
        short=guest("Gloria Santos", "50371230007", "Habitación", (2,), "150.00"),
        delayed=guest("Hugo Alvarado", "50371230008", "Junior", (3, 2), "431.25"),
        vague=guest("Inés Campos", "50371230009", "Junior", (3,), "258.75", vague=True),
    )


def _today() -> date:
    return date.today()  # noqa: DTZ011  # the day on the guest's slip
