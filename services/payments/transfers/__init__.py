"""Money that arrived: payments, their ledger, and the matching of payments with claims."""

from services.payments.transfers.claim import Claim, claim_of, question_of
from services.payments.transfers.intake import Intake, Origin, intake_of
from services.payments.transfers.ledger import NOTHING
from services.payments.transfers.matching import MatchResult, Verdict, too_little_left
from services.payments.transfers.naming import Naming, payment_id_in
from services.payments.transfers.payment import (
    ANY_PROPERTY,
    Contradiction,
    DeskMethod,
    Payment,
    money,
    payment_at_desk,
    payment_id_of,
    payment_of,
    payment_reversed,
    reversal_id_of,
    unknown_payment,
)

__all__ = [
    "ANY_PROPERTY",
    "NOTHING",
    "Claim",
    "Contradiction",
    "DeskMethod",
    "Intake",
    "MatchResult",
    "Naming",
    "Origin",
    "Payment",
    "Verdict",
    "claim_of",
    "intake_of",
    "money",
    "payment_at_desk",
    "payment_id_in",
    "payment_id_of",
    "payment_of",
    "payment_reversed",
    "question_of",
    "reversal_id_of",
    "too_little_left",
    "unknown_payment",
]
