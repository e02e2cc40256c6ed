"""Money that arrived: payments, their ledger, and the matching of payments with claims."""

from services.payments.transfers.claim import Claim, claim_of, question_of
from services.payments.transfers.ledger import NOTHING
from services.payments.transfers.matching import MatchResult, Verdict
from services.payments.transfers.payment import (
    ANY_PROPERTY,
    Contradiction,
    DeskMethod,
    Payment,
    money,
    payment_at_desk,
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
    "MatchResult",
    "Payment",
    "Verdict",
    "claim_of",
    "money",
    "payment_at_desk",
    "payment_of",
    "payment_reversed",
    "question_of",
    "reversal_id_of",
    "unknown_payment",
]
