"""HTTP for what could not be undone in an outside system: which bookings, and trying it again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, HTTPException, Query
from pydantic import BaseModel

from services.availability.external import store as queries
from shared.contracts.common import Identifier
from shared.database.pool import Database
from shared.http.app import require_role
from shared.settings import ServiceSettings

log = structlog.get_logger(__name__)


class GivenUp(BaseModel):
    """A call that failed too often: for which booking, how often it was tried, and what went wrong the last time."""

    booking_id: UUID | None
    property_id: str
    kind: str
    problem: str
    attempts: int
    given_up_at: datetime


class Retried(BaseModel):
    """The booking whose call is made again."""

    booking_id: UUID


def router(database: Database, settings: ServiceSettings) -> APIRouter:
    """Read by whoever may read, begun anew with a token alone."""
    router = APIRouter(prefix="/outside-errands", tags=["outside systems"])

    @router.get("")
    async def given_up(
        property_id: Identifier | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
    ) -> list[GivenUp]:
        """Calls to outside systems that were given up, the oldest first."""
        async with database.connection() as connection:
            rows = await queries.given_up(connection, property_id, limit)
        return [GivenUp.model_validate(row) for row in rows]

    @router.post("/{booking_id}/retry", responses={403: {}, 404: {}}, dependencies=[Depends(require_role(settings))])
    async def retry(booking_id: UUID) -> Retried:
        """Make the call again, with the same consequences as the first time."""
        async with database.connection() as connection:
            if not await queries.retry(connection, booking_id):
                raise HTTPException(404, f"nothing was given up for booking {booking_id}")
        return Retried(booking_id=booking_id)

    @router.delete(
        "/{booking_id}",
        status_code=204,
        responses={403: {}, 404: {}},
        dependencies=[Depends(require_role(settings))],
    )
    async def dismiss(booking_id: UUID) -> None:
        """Nothing is left to be called: a person has undone it in the outside system itself."""
        async with database.connection() as connection:
            if not await queries.dismiss(connection, booking_id):
                raise HTTPException(404, f"nothing was given up for booking {booking_id}")
        log.info("job.dismissed", booking=str(booking_id))

    return router
