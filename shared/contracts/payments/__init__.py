"""Payments' messages: money that arrived, what the saga asks to be done with it, and gateways' questions."""

from __future__ import annotations

from shared.contracts.payments.folio import BookingRepriced, FolioChanged, RepriceBooking
from shared.contracts.payments.queries import (
    MOST_CODES,
    Asked,
    MarkFrustrated,
    PaymentVerified,
    RequestDone,
    RequestRefused,
    SearchRequestInvalid,
    Verification,
    VerificationInvalid,
    VerifyPayment,
    WithdrawPayment,
)
from shared.contracts.payments.reservations import (
    CapturePayment,
    Evidence,
    PaymentAwaited,
    PaymentCaptured,
    PaymentRefused,
    PaymentReleased,
    PaymentReserved,
    ReleasePayment,
    ReservePayment,
    SearchDue,
    StaffDue,
)
from shared.contracts.payments.transfers import FROM_KAFKA, OWN_SOURCES, FromSource, TransferArrived, TransferReversed

__all__ = [
    "FROM_KAFKA",
    "MOST_CODES",
    "OWN_SOURCES",
    "Asked",
    "BookingRepriced",
    "CapturePayment",
    "Evidence",
    "FolioChanged",
    "FromSource",
    "MarkFrustrated",
    "PaymentAwaited",
    "PaymentCaptured",
    "PaymentRefused",
    "PaymentReleased",
    "PaymentReserved",
    "PaymentVerified",
    "ReleasePayment",
    "RepriceBooking",
    "RequestDone",
    "RequestRefused",
    "ReservePayment",
    "SearchDue",
    "SearchRequestInvalid",
    "StaffDue",
    "TransferArrived",
    "TransferReversed",
    "Verification",
    "VerificationInvalid",
    "VerifyPayment",
    "WithdrawPayment",
]
