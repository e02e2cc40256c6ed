"""What a batch has in hand: the requests and payments that it touches, as they were and as they have become."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import TypeAlias
from uuid import UUID

from services.payments.cases.decision import StaffDecision
from services.payments.folio.model import Charge
from services.payments.folio.price import Price
from services.payments.requests.claim import Claim, authorization_key, reference_key
from services.payments.requests.request import PaymentRequest, Status
from services.payments.requests.terms import Terms
from services.payments.transfers.ledger import NOTHING, Entry
from services.payments.transfers.matching import Decision, contradicts, likeness, match, objections
from services.payments.transfers.payment import Payment

_Key: TypeAlias = tuple[str, Decimal | None, str | None]


class UnitOfWork:
    """Requests by booking id and payments by id. What one message of a batch changes, the next one sees."""

    def __init__(self, terms: Terms, requests: Iterable[PaymentRequest] = (), payments: Iterable[Payment] = ()) -> None:
        self.terms = terms
        # The repository's own: the version of each row that was there, and the bookings that were not looked up.
        self.versions: dict[UUID, str] = {}
        self.taken_for_new: set[UUID] = set()
        self.requests = {request.booking_id: request for request in requests}
        self.payments = {payment.id: payment for payment in payments}
        self.rulings: list[StaffDecision] = []
        self.charges: dict[UUID, Charge] = {}
        self.new_charges: list[Charge] = []
        self.refunds: dict[UUID, Entry] = {}
        self.prices: dict[tuple[UUID, int], Price] = {}
        self.new_prices: list[Price] = []
        # What bookings have paid with a payment and kept, where a refund asks.
        self.kept: dict[tuple[UUID, UUID | None], Decimal] = {}
        # What they cost beside their rooms, where the staff charges or is paid.
        self.charged: dict[UUID, Decimal] = {}
        self._requests_before = dict(self.requests)
        self._payments_before = dict(self.payments)
        self._payments_by: defaultdict[_Key, list[UUID]] = defaultdict(list)
        self._waiting_by: defaultdict[_Key, list[UUID]] = defaultdict(list)
        for payment in self.payments.values():
            self._note_payment(payment)
        for request in self.requests.values():
            self._note_waiting(request)

    def without(self, payments: Collection[UUID]) -> UnitOfWork:
        """The same to somebody who must not know of these payments: to be looked at, not to be changed."""
        return UnitOfWork(
            self.terms, self.requests.values(), (one for one in self.payments.values() if one.id not in payments)
        )

    def keep(self, request: PaymentRequest) -> None:
        """Take what has become of a request."""
        before = self.requests.get(request.booking_id)
        self.requests[request.booking_id] = request
        if before is None or before.status is not request.status:
            self._note_waiting(request)

    def keep_payment(self, payment: Payment) -> None:
        """Take what has become of a payment."""
        if payment.id not in self.payments:
            self._note_payment(payment)
        self.payments[payment.id] = payment

    def serving(self, request: PaymentRequest) -> Payment:
        """The payment that serves a request.

        Raises:
            KeyError: when it is not in hand.
        """
        if request.payment_id is None:
            raise KeyError(f"no payment serves booking {request.booking_id}")
        return self.payments[request.payment_id]

    def kept_by(self, booking_id: UUID) -> Decimal:
        """What a booking has paid and kept, as it was when the batch began."""
        return sum((amount for (_, key), amount in self.kept.items() if key == booking_id), NOTHING)

    def decide(self, claim: Claim) -> Decision:
        """Look for a claim's money among the payments in hand."""
        return match(claim, self._in_question(claim), self.terms.tolerance_days)

    def waiting_for(self, payment: Payment) -> list[PaymentRequest]:
        """Requests that wait for money like this: those that name it first, then in the order of their asking.

        Who names another reference waits for that one, until the next attempt.
        """
        asking: list[tuple[PaymentRequest, Claim]] = []
        for booking_id in {found: None for key in _payment_keys(payment) for found in self._waiting_by[key]}:
            request = self.requests[booking_id]
            claim = request.claim if request.status is Status.WAITING else None
            if claim and not self._objections(claim, payment) and not contradicts(claim, payment):
                asking.append((request, claim))
        asking.sort(key=lambda pair: (*_farness(pair[1], payment), pair[0].started_at, pair[0].booking_id))
        return [request for request, _ in asking]

    def new_requests(self) -> list[PaymentRequest]:
        """Requests to be written for the first time."""
        return [request for key, request in self.requests.items() if key not in self._requests_before]

    def changed_requests(self) -> list[PaymentRequest]:
        """Requests that were there and have become something else."""
        before = self._requests_before
        return [request for key, request in self.requests.items() if key in before and request is not before[key]]

    def new_payments(self) -> list[Payment]:
        """Payments to be written for the first time."""
        return [payment for key, payment in self.payments.items() if key not in self._payments_before]

    def changed_payments(self) -> list[tuple[Payment, Payment]]:
        """Payments that were there, before and after."""
        before = self._payments_before
        pairs = [(before[key], payment) for key, payment in self.payments.items() if key in before]
        return [(old, new) for old, new in pairs if old is not new]

    def _in_question(self, claim: Claim) -> Sequence[Payment]:
        """Payments that a claim may mean; where its reference names one that fits, no other can be meant."""
        if claim.is_card:
            return self._found(_claim_key(claim))
        named = self._found(("slip", claim.slip_amount, reference_key(claim.reference)))
        if any(not self._objections(claim, payment) for payment in named):
            return named
        return self._found(_claim_key(claim))

    def _objections(self, claim: Claim, payment: Payment) -> bool:
        return bool(objections(claim, payment, self.terms.tolerance_days))

    def _found(self, key: _Key) -> list[Payment]:
        return [self.payments[payment_id] for payment_id in self._payments_by.get(key, ())]

    def _note_payment(self, payment: Payment) -> None:
        for key in _payment_keys(payment):
            self._payments_by[key].append(payment.id)

    def _note_waiting(self, request: PaymentRequest) -> None:
        if request.status is Status.WAITING and request.claim:
            self._waiting_by[_claim_key(request.claim)].append(request.booking_id)


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


def _farness(claim: Claim, payment: Payment) -> tuple[bool, ...]:
    return tuple(not alike for alike in likeness(claim, payment))
