"""What the staff's endpoints share: do what is asked about a booking, and show what became of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from fastapi import HTTPException, status
from pydantic import BaseModel

from services.payments.executor import CommandExecutor, Handle
from shared.messages.message import Message

M = TypeVar("M", bound=Message)
Shown = TypeVar("Shown")


@dataclass(frozen=True, slots=True)
class Acts(Generic[Shown]):
    """Does at once what is asked about a booking, and shows the booking as it is then."""

    office: CommandExecutor
    show: Callable[[UUID], Awaitable[Shown]]

    async def do(self, handle: Handle[M], command: type[M], booking_id: UUID, asked: BaseModel, **more: Any) -> Shown:
        """Tell the handler the command made of what was asked; `more` goes before it.

        Raises:
            Refusal: when it may not be done.
            HTTPException: 404, when there is no such booking.
        """
        await self.office.tell(handle, command(booking_id=booking_id, **asked.model_dump() | more))
        return await self.show(booking_id)


def found(row: Any, what: str) -> Any:
    """The row, or 404 with what there is not."""
    if row is None:
        raise HTTPException(status.HTTP_404_NOT_FOUND, what)
    return row


def no_booking(booking_id: UUID) -> str:
    """What is said of a booking that payments knows nothing of."""
    return f"booking {booking_id} has asked for no payment"
