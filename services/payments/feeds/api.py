"""Feeds over HTTP: how far each is read, what is known already, and the lines that wait for correction."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, Field

from services.payments.feeds.lines import BrokenLine
from services.payments.feeds.store import LONGEST_KEPT
from services.payments.feeds.sync import FeedSync
from services.payments.not_found import found
from services.payments.queries import Queries
from services.payments.rows import PAYMENTS
from services.payments.transfers import Contradiction, payment_of
from shared.auth.access import signed
from shared.clock import Clock
from shared.contracts.common import (
    Amount,
    Currency,
    Day,
    Deciding,
    Describing,
    DescribingName,
    Identifier,
    Name,
    PaymentMethod,
    Prose,
)
from shared.contracts.payments import TransferArrived
from shared.errors import Refusal
from shared.http.app import may_write, require_role
from shared.http.commands import CommandProcessor
from shared.messages.incoming import RequestBody
from shared.settings import ServiceSettings


class FeedRecord(BaseModel):
    """A feed: its cursor, when it was read last and how it failed last, if that was after. Times are UTC."""

    source: str
    cursor: str | None
    synced_at: datetime | None
    failed_at: datetime | None
    problem: str | None


class BrokenLineRecord(BaseModel):
    """A line that could not be taken: where it stands, the field that is wrong, and the remedy.

    `line` is its beginning, for those who may correct it; None for everybody else.
    """

    id: UUID
    source: str
    file: str
    number: int
    field: str
    problem: str
    remedy: str
    line: str | None
    found_at: datetime


class Corrected(RequestBody):
    """The line as it should have been; without `transfer` it is put aside."""

    staff: Name
    transfer: CorrectedTransfer | None = None


class CorrectedTransfer(RequestBody):
    """Money that arrived, as a person reads the line."""

    transfer_id: Identifier
    property_id: Identifier | None = None
    method: PaymentMethod = PaymentMethod.BANK_TRANSFER
    amount: Annotated[Amount, Field(gt=0)]
    currency: Currency
    posted_on: Day
    payer: DescribingName = None
    reference: Describing = None
    authorization_number: Deciding = None


SignedCorrected = Annotated[Corrected, Depends(signed(Corrected, "staff"))]


class LinesRequest(RequestBody):
    """Transfers of a source that may be recorded already."""

    source: Identifier
    transfer_ids: list[Identifier] = Field(max_length=1000)


class LinesResponse(BaseModel):
    """Lines of a file, as they were read."""

    transfers: list[TransferArrived] = Field(max_length=1000)


class RecordedLine(BaseModel):
    """A line that is recorded already, and what it says otherwise now: nothing, as it should be."""

    source: str
    transfer_id: str
    differences: list[str]


class FoundBroken(BaseModel):
    """A line that could not be taken, as whoever read the file found it."""

    number: int = Field(ge=0, le=2**31 - 1)
    field: Identifier
    problem: Prose
    remedy: Prose
    line: Prose = ""


class BrokenLines(BaseModel):
    """Lines of one file that could not be taken."""

    source: Identifier
    file: Name
    lines: list[FoundBroken] = Field(max_length=1000)


class KeptResponse(BaseModel):
    """How many lines are kept for correction; those that were kept before count as well."""

    kept: int


class SynchronisedRecord(BaseModel):
    """What came of reading a feed."""

    source: str
    lines: int
    broken: int
    problem: str | None


def reading(clock: Clock, reports: Queries, settings: ServiceSettings) -> APIRouter:
    """How the feeds are."""
    routes = APIRouter(tags=["feeds"])

    @routes.get("/payment-feeds")
    async def feeds() -> list[FeedRecord]:
        """Every feed that was ever read."""
        return [FeedRecord.model_validate(dict(row)) for row in await reports.feeds()]

    @routes.get("/payment-feeds/broken-lines")
    async def broken(
        request: Request, source: str | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> list[BrokenLineRecord]:
        """Lines that are not corrected yet, oldest first; what they say is for those who may correct them."""
        found = [BrokenLineRecord.model_validate(dict(row)) for row in await reports.broken_lines(source, limit)]
        if may_write(settings, request.state.caller):
            return [one.model_copy(update={"line": (one.line or "")[:LONGEST_KEPT]}) for one in found]
        return [one.model_copy(update={"line": None}) for one in found]

    @routes.post("/payments/known")
    async def known(asked: LinesRequest) -> list[str]:
        """Those of a source's transfers that are recorded already."""
        return list(await reports.known(asked.source, asked.transfer_ids))

    @routes.post("/payment-feeds/compare")
    async def compare(response: LinesResponse) -> list[RecordedLine]:
        """Those of some lines that are recorded already, and whether they said the same then."""
        lines = {one.id: one for one in (payment_of(line, clock()) for line in response.transfers)}
        recorded = [PAYMENTS.read(row) for row in await reports.recorded(list(lines))]
        return [
            RecordedLine(
                source=one.source, transfer_id=one.transfer_id, differences=list(one.differences(lines[one.id]))
            )
            for one in recorded
        ]

    return routes


def writing(sync: FeedSync, clock: Clock, reports: Queries, settings: ServiceSettings) -> APIRouter:
    """What may be done about them; it asks for the token, on loopback as well."""
    routes = APIRouter(tags=["feeds"], dependencies=[Depends(require_role(settings))])

    @routes.post("/payment-feeds/synchronise")
    async def synchronise() -> list[SynchronisedRecord]:
        """Read every feed now; empty when that was done a moment ago."""
        return [SynchronisedRecord(**vars(one)) for one in await sync.synchronise()]

    @routes.post("/payment-feeds/broken-lines")
    async def keep(found: BrokenLines) -> KeptResponse:
        """Keep lines of a file for correction; sent again they are kept once, and stay corrected."""
        lines = [BrokenLine(one.number, one.field, one.problem, one.remedy, one.line) for one in found.lines]
        await sync.keep_broken(found.source, found.file, lines)
        return KeptResponse(kept=len(lines))

    @routes.post("/payment-feeds/broken-lines/{line_id}/correction")
    async def correct(line_id: UUID, corrected: SignedCorrected, processor: CommandProcessor) -> dict[str, str]:
        """Take the line as a person reads it, or put it aside; whoever waits for the money is served at once."""
        row = found(await reports.broken_line(line_id), f"there is no broken line {line_id}")
        if corrected.transfer:
            arrival = TransferArrived(source=row["source"], **corrected.transfer.model_dump())
            try:
                await processor.execute(arrival)
            except Contradiction as wrong:
                raise Refusal("recorded_otherwise", f"transfer_id: {wrong}; take another id") from None
        await reports.corrected(line_id, clock(), corrected.staff)
        return {"status": "taken" if corrected.transfer else "put aside"}

    return routes
