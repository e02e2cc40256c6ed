"""A hotel that sells the same amounts all week: guests, their slips and the bank's lines, from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from shared.contracts.payments import ReservePayment, TransferArrived
from tests.support.builders.payments import NOW, booking, reserve, transfer

AMOUNTS = ("230.00", "230.00", "230.00", "460.00", "690.00")
A_DAY = 48  # bookings
LATEST = timedelta(hours=6)  # that money comes after its booking was asked for; the search is longer
_FIRST = ("Ana", "Luis", "Eva", "José", "Marta", "Iván", "Rosa", "Hugo", "Inés", "Raúl", "Elsa", "Omar")
_LAST = ("Paz", "Mora", "Gil", "Ruiz", "López", "Peña", "Cruz", "Solís", "Vega", "Núñez", "Lara", "Ríos")


@dataclass(frozen=True)
class Sale:
    """One booking: what its guest shows and when, and what its bank writes and when. `slip` is each slip's number."""

    name: str
    guest: str
    amount: str
    asks_at: datetime
    arrives_at: datetime
    slip: dict[str, Any]
    line: dict[str, Any]
    again: bool = False

    @property
    def booking_id(self) -> UUID:
        """The booking's id."""
        return booking(self.name)

    @property
    def code(self) -> str:
        """The reservation code that it gets."""
        return f"HR{self.name}"

    @property
    def asks(self) -> ReservePayment:
        """The request for its money."""
        return reserve(self.name, self.amount, **self.slip)

    @property
    def arrives(self) -> TransferArrived:
        """The bank's line."""
        return transfer(f"T{self.name}", self.amount, **self.line)

    def shown_again(self, now: datetime) -> Sale:
        """The same slip for another booking, which no money follows."""
        return Sale(f"{self.name}-again", self.guest, self.amount, now, now, self.slip, self.line, again=True)


@dataclass
class Season:
    """So many sales, a day's worth a day. A guest in six comes back within days, with another slip."""

    sales: int
    seed: int
    _dice: Random = field(init=False)
    _guests: list[tuple[str, date]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = Random(self.seed)

    def __iter__(self) -> Iterator[Sale]:
        for number in range(self.sales):
            yield self._sale(number)

    def _sale(self, number: int) -> Sale:
        dice = self._dice
        asks_at = NOW + timedelta(hours=24 / A_DAY * number, minutes=dice.randrange(60))
        dated = asks_at.date() - timedelta(days=dice.choice((0, 0, 0, 1)))
        guest = self._guest(dated)
        minutes = dice.choice((-90, -20, -2, 3, 40, 200, 340)) + dice.randrange(15)
        arrives_at = asks_at + min(timedelta(minutes=minutes), LATEST)
        slip: dict[str, Any] = {"payer": guest, "slip_date": dated, "slip_amount": AMOUNTS[number % len(AMOUNTS)]}
        line: dict[str, Any] = {"posted_on": max(dated, arrives_at.date())}
        self._identify(number, guest, slip, line)
        return Sale(str(number), guest, slip["slip_amount"], asks_at, arrives_at, slip, line)

    def _guest(self, dated: date) -> str:
        """A new guest, or one who paid in the last days; no one has two slips of one day, which nothing tells apart."""
        dice, recent = self._dice, self._guests[-2 * A_DAY :]
        back = [name for name, day in recent if day < dated and (name, dated) not in recent]
        name = dice.choice(back) if back and dice.random() < 1 / 6 else self._new_name()
        self._guests.append((name, dated))
        return name

    def _new_name(self) -> str:
        dice, number = self._dice, len(self._guests)
        return f"{dice.choice(_FIRST)} {dice.choice(_LAST)} {dice.choice(_LAST)}{chr(97 + number % 26)}{number}"

    def _identify(self, number: int, guest: str, slip: dict[str, Any], line: dict[str, Any]) -> None:
        """What tells the slip and the line apart from others; banks write names in capitals, or none."""
        dice, reference = self._dice, f"{7000 + 13 * number}"
        on_slip, on_line = dice.choice(((True, True), (True, True), (True, False), (False, True), (False, False)))
        if on_slip:
            slip["reference"] = dice.choice((reference, f"TEF {reference}", f"00{reference}"))
        elif dice.random() < 0.2:
            slip["reference"] = "Transferencia"
        if on_line:
            line["reference"] = dice.choice((reference, f"TEF {reference}"))
        if not (on_slip and on_line and dice.random() < 0.3) and dice.random() < 0.97:
            line["payer"] = ", ".join(reversed(guest.upper().rsplit(" ", 1)))
