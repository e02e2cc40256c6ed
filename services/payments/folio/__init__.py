"""A booking's folio: its balance, and the payments, charges and refunds that staff enter."""

from services.payments.folio.rules import id_used_before

__all__ = ["id_used_before"]
