"""How a bank writes its CSV file: a new bank is a new layout, not new code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from shared.contracts.common import Currency, Identifier, PaymentMethod

FIELDS = ("transfer_id", "amount", "posted_on", "payer", "reference", "currency", "authorization_number")
DEBIT = "debit"  # a column of what went out, beside `amount` for what came in
DESCRIBING = ("payer", "reference")
NEEDED = ("amount", "posted_on")


class CsvLayout(BaseModel):
    """How a bank writes its file.

    `columns` gives the bank's heading for each of our fields, whatever its case; a field without one stays empty. Of
    headings that stand twice, `Monto#2` is the second. `debit` is the column of what went out, where it is not that of
    `amount`. `only` says which lines count: by heading, the values that a line must have there. The table begins
    behind its heading, the first line that has the needed columns, or line `heading_line`, from 1.
    `date_format` is strptime's; months may be named in the usual languages. `method` None means: a card where there is
    an authorisation number, else a transfer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Identifier = "csv"
    delimiter: str = Field(",", min_length=1, max_length=1)
    encoding: str = "utf-8-sig"
    decimal_comma: bool = False
    date_format: str = "%Y-%m-%d"
    currency: Currency = "USD"
    property_id: str | None = None
    method: PaymentMethod | None = None
    columns: Mapping[str, str] = {name: name for name in FIELDS}
    only: Mapping[str, tuple[str, ...]] = {}
    heading_line: Annotated[int, Field(ge=1, le=10_000)] | None = None

    @field_validator("encoding")
    @classmethod
    def _known(cls, encoding: str) -> str:
        try:
            "".encode(encoding)
        except LookupError:
            raise ValueError(f"there is no encoding {encoding}; try utf-8-sig or cp1252") from None
        return encoding

    @field_validator("columns")
    @classmethod
    def _ours(cls, columns: Mapping[str, str]) -> Mapping[str, str]:
        if unknown := sorted(set(columns) - {*FIELDS, DEBIT}):
            raise ValueError(f"there is no field {unknown[0]}; there are {', '.join(FIELDS)} and {DEBIT}")
        return columns


def same_heading(heading: str) -> str:
    """A heading as it is compared: whatever its case and blanks."""
    return " ".join(heading.split()).casefold()
