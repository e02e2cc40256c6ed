"""An operator's import over HTTP: whether a file was taken under another layout, and what of it was sent on."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from services.payments.feeds.history import FileHistory
from services.payments.feeds.sync import FeedSync
from services.payments.transfers import Intake, payment_id_of
from shared.clock import Clock
from shared.contracts.common import Identifier
from shared.http.app import require_role
from shared.messages.message import digest_of
from shared.settings import ServiceSettings

Lines = Annotated[int, Field(ge=0, le=1000)]
Shown = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
Reasons = Annotated[dict[Shown, Lines], Field(max_length=100)]


class FileRequest(BaseModel):
    """A file by its content, and the layout in which it is to be read."""

    digest: Identifier
    layout: Identifier


class FileRecord(BaseModel):
    """How many lines of a file were taken under any other layout; of those the most."""

    taken: int


class ImportedLines(BaseModel):
    """Lines of a file from `line` on: those that are sent on by their ids, and how many became what else."""

    source: Identifier
    file: Shown
    digest: Identifier
    layout: Identifier
    line: int = Field(ge=0)
    seen: Lines
    known: Lines = 0
    passed: Reasons = {}
    broken: Reasons = {}
    sent: list[Identifier] = Field([], max_length=1000)


class NotedRecord(BaseModel):
    """How many lines are expected to become payments."""

    expected: int


def importing(sync: FeedSync, history: FileHistory, clock: Clock, settings: ServiceSettings) -> APIRouter:
    """What an import asks, and what it notes; for that it asks for the token, on loopback as well."""
    routes = APIRouter(tags=["feeds"])

    @routes.post("/payment-feeds/files")
    async def file(asked: FileRequest) -> FileRecord:
        """Whether a file was taken before under another layout, under which its lines would count twice."""
        return FileRecord(taken=await history.taken(asked.digest, asked.layout))

    @routes.post("/payment-feeds/intake", dependencies=[Depends(require_role(settings))])
    async def note(lines: ImportedLines) -> NotedRecord:
        """Note what an import is about to send on, so that the auditor misses what does not arrive."""
        reasons = {f"passed over: {reason}": number for reason, number in lines.passed.items()}
        reasons |= {f"broken: {reason}": number for reason, number in lines.broken.items()}
        intake = Intake(
            id=digest_of(lines.model_dump_json()),
            source=lines.source,
            at=clock(),
            seen=lines.seen,
            known=lines.known,
            passed=sum(lines.passed.values()),
            broken=sum(lines.broken.values()),
            reasons=reasons,
            sent=tuple(payment_id_of(lines.source, one) for one in lines.sent),
            file=lines.file,
            digest=lines.digest,
            layout=lines.layout,
        )
        await sync.note_intake(intake)
        return NotedRecord(expected=len(lines.sent))

    return routes
