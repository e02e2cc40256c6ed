"""A booking's request for money: searched for, reserved, captured, released or refused."""

from services.payments.requests.record import RequestRecord, request_record
from services.payments.requests.replies import TEXTS, payment_refused, payment_reserved
from services.payments.requests.request import OutOfTurn, PaymentRequest, Status, settled
from services.payments.requests.staff_decision import Action, StaffDecision
from services.payments.requests.terms import Terms

__all__ = [
    "TEXTS",
    "Action",
    "OutOfTurn",
    "PaymentRequest",
    "RequestRecord",
    "StaffDecision",
    "Status",
    "Terms",
    "payment_refused",
    "payment_reserved",
    "request_record",
    "settled",
]
