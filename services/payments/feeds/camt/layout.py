"""What an account statement does not say."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from shared.contracts.common import Identifier

# The messages by the element that holds their statements.
MESSAGES: Final = {
    "BkToCstmrStmt": "camt.053",
    "BkToCstmrAcctRpt": "camt.052",
    "BkToCstmrDbtCdtNtfctn": "camt.054",
}


class CamtLayout(BaseModel):
    """The name of a feed, the property that the account belongs to, and the one message that counts.

    A bank tells the same money in an intraday report (camt.052), in a notification (camt.054) and in the statement of
    the day (camt.053), often without an id that is the same in all: only one of them counts for an account.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Identifier = "camt"
    property_id: str | None = None
    message: Literal["camt.052", "camt.053", "camt.054"] = "camt.053"
