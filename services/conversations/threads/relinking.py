"""Links the threads of one tenant, or a page of tenants, anew and reports what changes; a dry run writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from services.conversations.console import MAY_NOT, contact_page
from services.conversations.repository import Repository
from services.conversations.threads.contacts import Contacts, is_phone, of_sender
from services.conversations.threads.rules import Thread
from services.conversations.unit_of_work import PhoneRegion
from shared.auth.tokens import Role
from shared.clock import Clock
from shared.database.conflicts import retry_conflicts
from shared.database.pool import Database
from shared.database.statements import execute_together
from shared.http.app import require_role
from shared.messages.incoming import RequestBody
from shared.settings import ServiceSettings

PAGE = 100


class FieldChange(BaseModel):
    """A field of a thread before and after; in a dry run, what it would be."""

    field: str
    old: str | None
    new: str | None


class Relinked(BaseModel):
    """One thread that changes."""

    thread_id: UUID
    contact: str
    name: str
    changes: list[FieldChange]


class RelinkPage(BaseModel):
    """The changed threads of a page of tenants; `next` is where the following page begins, null at the end."""

    tenants: int
    threads: list[Relinked]
    next: str | None


class Relink(RequestBody):
    """Which tenants: one by contact, or a page of all after `after`. A dry run only reports what would change."""

    contact: str | None = Field(None, min_length=1, max_length=100)
    after: str = Field("", max_length=100)
    dry_run: bool = True


@dataclass(frozen=True, slots=True)
class _Before:
    apartment: str | None
    booking_id: UUID | None
    name: str
    contact: str
    closed: bool


def router(
    database: Database,
    repository: Repository,
    region: PhoneRegion,
    settings: ServiceSettings,
    clock: Clock,
) -> APIRouter:
    """The endpoint that links threads anew."""
    api = APIRouter(tags=["conversations"])

    @api.post("/relink", responses=MAY_NOT)
    async def relink(
        request: Request,
        body: Relink,
        limit: Annotated[int, Query(ge=1, le=PAGE, description="Most tenants in one answer.")] = PAGE,
    ) -> RelinkPage:
        """Choose every thread's booking anew, as of now. A dry run needs only the rights for reading."""
        if not body.dry_run:
            require_role(settings, Role.ADMIN)(request)
        if body.contact is not None:
            normalised = of_sender(body.contact.strip(), region.region, subscriber=False).main
            contacts, following = [normalised or body.contact], None
        else:
            async with database.connection() as connection:
                contacts = await contact_page(connection, body.after, limit)
            following = contacts[-1] if len(contacts) == limit else None
        changed = []
        for contact in contacts:
            changed += await relink_tenant(database, repository, contact, clock(), dry_run=body.dry_run)
        return RelinkPage(tenants=len(contacts), threads=changed, next=following)

    return api


async def relink_tenant(
    database: Database, repository: Repository, contact: str, now: datetime, *, dry_run: bool
) -> list[Relinked]:
    """Link one tenant's threads anew and return those that change.

    Raises:
        Conflict: when other writers were first in every attempt.
    """
    contacts = Contacts(phone=contact) if is_phone(contact) else Contacts(subscriber=contact)

    async def relink() -> list[Relinked]:
        async with database.transaction() as connection:
            uow = await repository.load_tenants(connection, [contacts])
            tenant = uow.tenants[contact]
            before = {thread.id: _facts(thread) for thread in tenant.threads}
            tenant.relink(now)
            if not dry_run:
                await execute_together(connection, await repository.save(connection, uow, now))
        return [_relinked(thread, changes) for thread in tenant.threads if (changes := _changes(before, thread))]

    return await retry_conflicts(relink)


def _facts(thread: Thread) -> _Before:
    apartment = f"{thread.apartment.property_id} {thread.apartment.room}" if thread.apartment else None
    return _Before(apartment, thread.booking_id, thread.name, thread.contact, thread.closed_at is not None)


def _changes(before: dict[UUID, _Before], thread: Thread) -> Sequence[FieldChange]:
    old, new = before[thread.id], _facts(thread)
    names = ("apartment", "booking_id", "name", "contact", "closed")
    pairs = [(name, getattr(old, name), getattr(new, name)) for name in names]
    return [FieldChange(field=name, old=_text(was), new=_text(became)) for name, was, became in pairs if was != became]


def _text(value: Any) -> str | None:
    return None if value is None else {True: "yes", False: "no"}.get(value, str(value))


def _relinked(thread: Thread, changes: Sequence[FieldChange]) -> Relinked:
    return Relinked(thread_id=thread.id, contact=thread.contact, name=thread.name, changes=list(changes))
