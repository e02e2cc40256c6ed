"""What one batch reads and changes: requests and payments, as they were read and as they are now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from services.payments.folio.corrections import ChargeReversal, Handout
from services.payments.folio.model import Charge
from services.payments.folio.price import Price
from services.payments.requests.request import PaymentRequest, Status, unknown_booking
from services.payments.requests.staff_decision import StaffDecision
from services.payments.requests.terms import Terms
from services.payments.transfers.claim import Claim, authorization_key, identifies, reference_key
from services.payments.transfers.intake import Intake, intakes_of, taken_at_desk
from services.payments.transfers.ledger import NOTHING, Entry
from services.payments.transfers.matching import (
    MatchResult,
    contradicts,
    likeness,
    match,
    objections,
    speaks_against,
)
from services.payments.transfers.naming import Naming
from services.payments.transfers.payment import Payment
from shared.contracts.payments import FromSource
from shared.messages.message import Message, Outgoing

Sends: TypeAlias = Sequence[Message | Outgoing]
_Key: TypeAlias = tuple[str, Decimal | None, str | None]


class UnitOfWork:
    """Requests by booking id and payments by id. What one message of a batch changes, the next one sees.

    `paid` is what bookings have paid and kept, by payment and booking, where a message needs it; `charged` what they
    cost beside their rooms. `served` are claims of bookings that were not read, by the payment that serves them, where
    a decision needs them. `namings` are payments that were named, by payment and caller. `versions` (of each row that
    was read) and `assumed_new` (bookings that were not looked up) are for the repository. `told` is what sources said
    in the batch, `intakes` what a reader of feeds counted of it; `reversals` are those that were recorded before.
    """

    def __init__(self, terms: Terms, requests: Iterable[PaymentRequest] = (), payments: Iterable[Payment] = ()) -> None:
        self.terms = terms
        self.versions: dict[UUID, str] = {}
        self.assumed_new: set[UUID] = set()
        self.requests = {request.booking_id: request for request in requests}
        self.payments = {payment.id: payment for payment in payments}
        self.decisions: list[StaffDecision] = []
        self.charges: dict[UUID, Charge] = {}
        self.new_charges: list[Charge] = []
        self.charge_reversals: dict[UUID, ChargeReversal] = {}
        self.new_charge_reversals: list[ChargeReversal] = []
        self.handouts: dict[UUID, Handout] = {}
        self.new_handouts: list[Handout] = []
        self.refunds: dict[UUID, Entry] = {}
        self.reversals: set[UUID] = set()
        self.told: Sequence[FromSource] = ()
        self.intakes: list[Intake] | None = None
        self.prices: dict[tuple[UUID, int], Price] = {}
        self.new_prices: list[Price] = []
        self.paid: dict[tuple[UUID, UUID | None], Decimal] = {}
        self.charged: dict[UUID, Decimal] = {}
        self._puts = 0
        self.namings: dict[tuple[UUID, str], Naming] = {}
        self.new_namings: dict[tuple[UUID, str], Naming] = {}
        self.served: defaultdict[UUID, list[Claim]] = defaultdict(list)
        self._serves: defaultdict[UUID, set[UUID]] = defaultdict(set)
        self._requests_before = dict(self.requests)
        self._payments_before = dict(self.payments)
        self._payments_by: defaultdict[_Key, list[UUID]] = defaultdict(list)
        self._waiting_by: defaultdict[_Key, list[UUID]] = defaultdict(list)
        for payment in self.payments.values():
            self._index_payment(payment)
        for request in self.requests.values():
            self._index_request(request)

    def hiding(self, payments: Collection[UUID]) -> UnitOfWork:
        """A copy without these payments, for a caller who may not see them. It is only read."""
        visible = (payment for payment in self.payments.values() if payment.id not in payments)
        copy = UnitOfWork(self.terms, self.requests.values(), visible)
        copy.served = self.served
        return copy

    @property
    def changes_made(self) -> int:
        """How often handlers have changed it."""
        charged = len(self.new_charges) + len(self.new_charge_reversals)
        return self._puts + len(self.decisions) + charged + len(self.new_handouts) + len(self.new_prices)

    def put(self, request: PaymentRequest) -> None:
        """Store a request that is new or has changed."""
        self._puts += 1
        before = self.requests.get(request.booking_id)
        self.requests[request.booking_id] = request
        if before is None or before.status is not request.status:
            self._index_request(request)

    def put_naming(self, naming: Naming) -> None:
        """Store to whom a payment was named; the latest counts."""
        self._puts += 1
        self.namings[naming.payment_id, naming.caller] = self.new_namings[naming.payment_id, naming.caller] = naming

    def put_payment(self, payment: Payment) -> None:
        """Store a payment that is new or has changed."""
        self._puts += 1
        if payment.id not in self.payments:
            self._index_payment(payment)
        self.payments[payment.id] = payment

    def reserve(
        self, request: PaymentRequest, payment: Payment, now: datetime, staff: str | None = None
    ) -> PaymentRequest:
        """Reserve a request's whole amount from a payment; `staff` is who chose the payment, if a person did.

        Raises:
            MoneyError: when less is left.
        """
        self.put_payment(payment.reserve(request.amount, request.booking_id, now, staff))
        reserved = request.reserved(payment.id, now)
        self.put(reserved)
        return reserved

    def request_of(self, booking_id: UUID) -> PaymentRequest:
        """A booking's request.

        Raises:
            Refusal: booking_unknown.
        """
        request = self.requests.get(booking_id)
        if request is None:
            raise unknown_booking(booking_id)
        return request

    def payment_of(self, request: PaymentRequest) -> Payment:
        """The payment that serves a request.

        Raises:
            KeyError: when none does, or it was not read.
        """
        if request.payment_id is None:
            raise KeyError(f"no payment serves booking {request.booking_id}")
        return self.payments[request.payment_id]

    def paid_by(self, booking_id: UUID) -> Decimal:
        """What a booking has paid and kept."""
        return sum((amount for (_, key), amount in self.paid.items() if key == booking_id), NOTHING)

    def match(self, claim: Claim) -> MatchResult:
        """Match a claim with the payments that were read."""
        candidates = self._candidates(claim)
        uses = {payment.id: self.used_for(payment) for payment in candidates if payment.left < payment.amount}
        return match(claim, candidates, self.terms.tolerance_days, uses)

    def speaking_against(self, claim: Claim) -> set[UUID]:
        """Payments that show a claim's money to be used, unless what they were used for (`served`) says otherwise."""
        return {
            payment.id
            for payment in self._found(_claim_key(claim))
            if payment.left < claim.amount and self._fits(claim, payment) and speaks_against(claim, payment, ())
        }

    def used_for(self, payment: Payment) -> list[Claim]:
        """The claims that a payment's reserved and captured money serves, as far as they were read."""
        requests = (self.requests[booking_id] for booking_id in self._serves.get(payment.id, ()))
        claims = [one.wanted for one in requests if one.status in {Status.RESERVED, Status.CAPTURED}]
        return [*claims, *(one for one in self.served.get(payment.id, ()) if one.booking_id not in self.requests)]

    def waiting_for(self, payment: Payment) -> list[PaymentRequest]:
        """Requests that wait for such a payment: those that name its reference first, then the oldest first.

        A request that names another reference is left out: until its next attempt it waits for that one.
        """
        waiting: list[tuple[PaymentRequest, Claim]] = []
        for booking_id in {found: None for key in _payment_keys(payment) for found in self._waiting_by[key]}:
            request = self.requests[booking_id]
            claim = request.claim if request.status is Status.WAITING else None
            if claim and self._fits(claim, payment) and not contradicts(claim, payment):
                waiting.append((request, claim))
        waiting.sort(key=lambda pair: (*_mismatches(pair[1], payment), pair[0].started_at, pair[0].booking_id))
        return [request for request, _ in waiting]

    @property
    def recorded_before(self) -> Collection[UUID]:
        """The payments that were recorded before the batch."""
        return self._payments_before.keys()

    def came_in(self, now: datetime) -> list[Intake]:
        """What came in with the batch, counted from what its sources said; by who read a feed, where one did."""
        if self.intakes is not None:
            return self.intakes
        return [*intakes_of(self.told, self.recorded_before, now), *taken_at_desk(self.new_payments(), now)]

    def new_requests(self) -> list[PaymentRequest]:
        """Requests that are not in the database yet."""
        return [request for key, request in self.requests.items() if key not in self._requests_before]

    def changed_requests(self) -> list[PaymentRequest]:
        """Requests that were read and have changed."""
        before = self._requests_before
        return [request for key, request in self.requests.items() if key in before and request is not before[key]]

    def new_payments(self) -> list[Payment]:
        """Payments that are not in the database yet."""
        return [payment for key, payment in self.payments.items() if key not in self._payments_before]

    def changed_payments(self) -> list[tuple[Payment, Payment]]:
        """Payments that were read and have changed, before and after."""
        before = self._payments_before
        pairs = [(before[key], payment) for key, payment in self.payments.items() if key in before]
        return [(old, new) for old, new in pairs if old is not new]

    def _candidates(self, claim: Claim) -> Sequence[Payment]:
        """Payments that a claim may mean. If its reference names one that decides, it can mean no other."""
        if claim.is_card:
            return self._found(_claim_key(claim))
        named = self._found(("slip", claim.slip_amount, reference_key(claim.reference)))
        if identifies(claim.reference) and any(self._decides(claim, payment) for payment in named):
            return named
        return self._found(_claim_key(claim))

    def _decides(self, claim: Claim, payment: Payment) -> bool:
        covers = payment.left >= claim.amount
        return self._fits(claim, payment) and (covers or speaks_against(claim, payment, self.used_for(payment)))

    def _fits(self, claim: Claim, payment: Payment) -> bool:
        return not objections(claim, payment, self.terms.tolerance_days)

    def _found(self, key: _Key) -> list[Payment]:
        return [self.payments[payment_id] for payment_id in self._payments_by.get(key, ())]

    def _index_payment(self, payment: Payment) -> None:
        for key in _payment_keys(payment):
            self._payments_by[key].append(payment.id)

    def _index_request(self, request: PaymentRequest) -> None:
        if request.status is Status.WAITING and request.claim:
            self._waiting_by[_claim_key(request.claim)].append(request.booking_id)
        if request.payment_id:
            self._serves[request.payment_id].add(request.booking_id)


def _payment_keys(payment: Payment) -> list[_Key]:
    keys: list[_Key] = [("slip", payment.amount, None)]
    if number := authorization_key(payment.authorization_number):
        keys.append(("card", None, number))
    if reference := reference_key(payment.reference):
        keys.append(("slip", payment.amount, reference))
    return keys


def _claim_key(claim: Claim) -> _Key:
    if claim.is_card:
        return ("card", None, authorization_key(claim.authorization_number))
    return ("slip", claim.slip_amount, None)


def _mismatches(claim: Claim, payment: Payment) -> tuple[bool, ...]:
    return tuple(not alike for alike in likeness(claim, payment))
