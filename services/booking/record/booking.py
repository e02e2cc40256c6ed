"""A booking after its confirmation: its stays, what may be done with it, and what the audit log says of that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from services.booking.record.cancellation_fee import (
    CENT,
    NOTHING,
    CancellationTerms,
    Fee,
    check_in_moment,
    fee_of,
    named_fee,
)
from services.booking.record.states import OFF, Status, StayStatus, check_follows, check_stay_follows
from shared.errors import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """One room of a booking for its dates: a row of `stays`, whose columns are these fields.

    Amounts are in the booking's currency, times in UTC. `first_night` is the price of its first night, None where it is
    not known.
    """

    code: str
    booking_id: UUID
    line: int
    status: StayStatus
    room: str
    room_type: str
    type_label: str
    adults: int
    children_0_to_5: int
    children_6_to_10: int
    extra_beds: int
    amount: Decimal
    first_night: Decimal | None = None
    checked_in_at: datetime | None = None
    checked_in_by: str | None = None
    checked_out_at: datetime | None = None
    checked_out_by: str | None = None

    def moved(self, to: StayStatus, **changes: Any) -> Stay:
        """In another state.

        Raises:
            Refusal: illegal_transition.
        """
        check_stay_follows(self.code, self.status, to)
        return replace(self, status=to, **changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookingRow:
    """A row of `bookings`, whose columns are these fields, and `updated_at`.

    Amounts are in `currency`: `total` is the price of its rooms, `charges` are what it costs beside them, `paid` is
    what was paid and kept, `fee` and `refund` are those of its end. `folio_at` is when payments last reported `paid`
    and `charges` (UTC). `revision` counts its changes of dates, `orders` what was ever asked of other services on its
    behalf. `saga_id` and `saga_name` are the change that is under way. None: not known, or there is none.
    """

    id: UUID
    request_id: str
    property_id: str
    status: Status
    source: str
    guest_name: str
    guest_email: str
    guest_phone: str | None = None
    check_in: date
    check_out: date
    package: str
    number_of_rooms: int
    total: Decimal | None = None
    currency: str | None = None
    confirmation_number: str | None = None
    reason: str | None = None
    created_at: datetime
    paid: Decimal | None = None
    charges: Decimal = NOTHING
    folio_at: datetime | None = None
    fee: Decimal | None = None
    refund: Decimal | None = None
    terms: CancellationTerms | None = None
    revision: int = 0
    orders: int = 0
    saga_id: UUID | None = None
    saga_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking(BookingRow):
    """A booking that was confirmed, with its stays by line."""

    total: Decimal
    currency: str
    paid: Decimal
    stays: tuple[Stay, ...]

    @property
    def balance(self) -> Decimal:
        """What is owed for it; below zero, what the guest has too much with us."""
        return self.total + (self.fee or NOTHING) + self.charges - self.paid

    def apply_folio(self, paid: Decimal, charges: Decimal | None, at: datetime) -> Booking:
        """With what payments said at that time, unless something newer is known; `charges` None: as they were."""
        if self.folio_at and at < self.folio_at:
            return self
        return replace(self, paid=paid, charges=self.charges if charges is None else charges, folio_at=at)

    @property
    def codes(self) -> tuple[str, ...]:
        """Its reservation codes, by line."""
        return tuple(stay.code for stay in self.stays)

    @property
    def live(self) -> tuple[Stay, ...]:
        """Its stays that are not off, by line."""
        return tuple(stay for stay in self.stays if stay.status not in OFF)

    @property
    def first_night(self) -> Decimal:
        """What its first night costs in all rooms; the even share of a stay where its nights are not known."""
        return self._first_night(self.live)

    def _first_night(self, stays: Iterable[Stay]) -> Decimal:
        nights = max(1, (self.check_out - self.check_in).days)
        return sum((stay.first_night or (stay.amount / nights) for stay in stays), NOTHING).quantize(CENT)

    def fee_now(
        self,
        wanted: Decimal | None,
        arrives_at: time,
        zone: str,
        now: datetime,
        leeway: Decimal | None = None,
        *,
        stays: Sequence[Stay] = (),
    ) -> Fee:
        """What it costs to end it now, or single stays of it, or what the staff wants for that.

        That may lie as far from the policy's as the leeway says; None: any.

        Raises:
            Refusal: fee_too_high or fee_over_limit.
        """
        arrival = check_in_moment(self.check_in, arrives_at, zone)
        total = sum((stay.amount for stay in stays), NOTHING) if stays else self.total
        policy = fee_of(self.terms, total, self._first_night(stays or self.live), arrival, now)
        return policy if wanted is None else named_fee(total, wanted, policy.fee, leeway)

    def check_fee_kept(
        self, check_in: date, arrives_at: time, zone: str, now: datetime, leeway: Decimal | None
    ) -> None:
        """What it costs to end it now is not moved away with its arrival, by more than the leeway; None: any.

        What the new nights cost is not known yet: it is reckoned on what the old ones do.

        Raises:
            Refusal: fee_over_limit.
        """
        if leeway is None:
            return
        due = self.fee_now(None, arrives_at, zone, now).fee
        then = (
            replace(self, check_in=check_in, check_out=check_in + (self.check_out - self.check_in))
            .fee_now(None, arrives_at, zone, now)
            .fee
        )
        if due - then > leeway:
            text = (
                f"check_in: to cancel costs {due:.2f} now and would cost {then:.2f} on these nights; this role's limit"
                f" for waiving fees is {leeway:.2f}: ask somebody with a higher role, under a new command_id"
            )
            raise Refusal("fee_over_limit", text, field="check_in", limit=f"{leeway:.2f}", policy=f"{due:.2f}")

    def checked_in(self, codes: Collection[str], who: str, zone: str, now: datetime) -> Booking:
        """With guests arrived in these stays, or in all that are still expected.

        Raises:
            Refusal: unknown_code, too_early, too_late, nothing_to_do or illegal_transition.
        """
        today = now.astimezone(ZoneInfo(zone)).date()
        if today < self.check_in:
            text = f"the stay begins on {self.check_in}, today is {today}: change the dates first"
            raise Refusal("too_early", text, check_in=self.check_in.isoformat())
        if today >= self.check_out:
            text = f"the stay ended on {self.check_out}, today is {today}: change the dates first"
            raise Refusal("too_late", text, check_out=self.check_out.isoformat())
        if self.status is not Status.CHECKED_IN:
            check_follows(self.status, Status.CHECKED_IN)
        chosen = self._chosen(codes, StayStatus.CONFIRMED, "checked in")
        arrived = [one.moved(StayStatus.CHECKED_IN, checked_in_at=now, checked_in_by=who) for one in chosen]
        return replace(self, status=Status.CHECKED_IN, stays=self._with(arrived))

    def checked_out(self, codes: Collection[str], who: str, now: datetime, *, owing: bool) -> Booking:
        """With guests gone from these stays, or from all that they are in; the last one checks the booking out.

        Raises:
            Refusal: unknown_code, nothing_to_do, illegal_transition, or balance_open unless guests may leave `owing`.
        """
        if self.status is not Status.CHECKED_IN:
            check_follows(self.status, Status.CHECKED_OUT)
        chosen = self._chosen(codes, StayStatus.CHECKED_IN, "checked out")
        gone = [one.moved(StayStatus.CHECKED_OUT, checked_out_at=now, checked_out_by=who) for one in chosen]
        stays = self._with(gone)
        if _anybody_remains(stays):
            return replace(self, stays=stays)
        if self.balance > 0 and not owing:
            text = f"{self.balance} {self.currency} is still owed: settle it, or let a manager override the balance"
            raise Refusal("balance_open", text, balance=str(self.balance))
        return replace(self, status=Status.CHECKED_OUT, stays=stays)

    def ended(self, to: Status, fee: Fee) -> Booking:
        """Cancelled, or not shown up: its stays are off, and it costs the fee alone.

        Raises:
            Refusal: illegal_transition.
        """
        check_follows(self.status, to)
        how = StayStatus.NO_SHOW if to is Status.NO_SHOW else StayStatus.CANCELLED
        off = [one.moved(how) for one in self.stays if one.status is StayStatus.CONFIRMED]
        return replace(self, status=to, stays=self._with(off), total=NOTHING, fee=(self.fee or NOTHING) + fee.fee)

    def part(self, codes: Collection[str]) -> Sequence[Stay]:
        """The stays of these codes where the booking keeps others; none where it is about all of it.

        Raises:
            Refusal: unknown_code.
        """
        chosen = self._chosen(codes, StayStatus.CONFIRMED, "ended") if codes else ()
        return () if {one.code for one in chosen} == {one.code for one in self.live} else chosen

    def without(self, stays: Sequence[Stay], to: StayStatus, fee: Fee) -> Booking:
        """With these stays off, cancelled or not shown up; it costs the others and the fee.

        It is checked out where all others have left.

        Raises:
            Refusal: illegal_transition, for a stay that guests are in, have left, or that is off.
        """
        gone = [one.moved(to) for one in stays]
        left = self._with(gone)
        over = self.status is Status.CHECKED_IN and not _anybody_remains(left)
        return replace(
            self,
            status=Status.CHECKED_OUT if over else self.status,
            stays=left,
            total=self.total - sum((one.amount for one in stays), NOTHING),
            fee=(self.fee or NOTHING) + fee.fee,
            revision=self.revision + 1,
        )

    def on_dates(self, check_in: date, check_out: date, stays: Iterable[Stay], total: Decimal) -> Booking:
        """On other dates, in the rooms and at the price that it has then."""
        return replace(
            self,
            check_in=check_in,
            check_out=check_out,
            stays=tuple(stays),
            total=total,
            revision=self.revision + 1,
        )

    def _chosen(self, codes: Collection[str], among: StayStatus, done: str) -> Sequence[Stay]:
        if unknown := sorted(set(codes) - set(self.codes)):
            text = f"codes: {', '.join(unknown)} are no stays of this booking; it has {', '.join(self.codes)}"
            raise Refusal("unknown_code", text, field="codes", codes=list(self.codes))
        chosen = [one for one in self.stays if (one.code in codes if codes else one.status is among)]
        if not chosen:
            raise Refusal("nothing_to_do", f"no stay of this booking is left to be {done}")
        return chosen

    def _with(self, changed: Iterable[Stay]) -> tuple[Stay, ...]:
        new = {one.code: one for one in changed}
        return tuple(new.get(one.code, one) for one in self.stays)


def _anybody_remains(stays: Iterable[Stay]) -> bool:
    """Whether guests are in one of the stays, or are still expected."""
    return any(one.status not in OFF | {StayStatus.CHECKED_OUT} for one in stays)
