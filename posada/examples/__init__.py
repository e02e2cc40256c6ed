"""Example requests, whose dates and references are filled in when they are used."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any, Final
from uuid import uuid4

from shared.contracts.payments import TransferArrived

THREE_JUNIOR: Final = "three-junior.json"
_BLANK: Final = re.compile(r"\{\{\s*(?:(?P<new>new)|today(?:\s*(?P<sign>[+-])\s*(?P<days>\d{1,4}))?)\s*\}\}")


def example(name: str = THREE_JUNIOR) -> dict[str, Any]:
    """An example request, filled in."""
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    filled_in: dict[str, Any] = json.loads(filled(text, date.today()))  # noqa: DTZ011  # the guest's own day
    return filled_in


def filled(text: str, today: date) -> str:
    """The text with {{today}}, {{today+30}} and {{new}} (the same new word wherever it stands) replaced."""
    new = uuid4().hex[:10]

    def fill(found: re.Match[str]) -> str:
        if found["new"]:
            return new
        days = int(f"{found['sign'] or '+'}{found['days'] or 0}")
        return (today + timedelta(days=days)).isoformat()

    return _BLANK.sub(fill, text)


def transfer_for(request: dict[str, Any]) -> TransferArrived:
    """The bank's line for the payment that a request tells of.

    Raises:
        pydantic.ValidationError: when the request tells of no payment that a bank could know.
    """
    payment = request.get("payment") or {}
    return TransferArrived.model_validate(
        {
            "transfer_id": f"cli-{uuid4().hex[:12]}",
            "property_id": request.get("property_id"),
            "method": payment.get("method"),
            "amount": payment.get("slip_amount") or payment.get("amount") or Decimal(0),
            "posted_on": payment.get("slip_date") or date.today().isoformat(),  # noqa: DTZ011
            "payer": payment.get("payer") or (request.get("guest") or {}).get("name"),
            "reference": payment.get("reference"),
            "authorization_number": payment.get("authorization_number"),
        }
    )
