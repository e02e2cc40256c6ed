"""Availability with a property whose rooms an outside system keeps, and the calls that it makes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

from services.availability.catalogue.model import OutsideRecord
from services.availability.catalogue.repository import CatalogueRepository
from services.availability.external.clients import ExternalClients
from services.availability.external.jobs import external_runner
from services.availability.settings import Settings
from shared.contracts.availability import OrderRooms, RoomsHeld
from shared.messages.message import Message
from tests.database.availability.conftest import Availability
from tests.support.builders.bookings import CHECK_IN, hold
from tests.support.doubles.fake_pms import FakePms
from tests.support.doubles.transport import START, message_of, process_records, record_of_row

DATES = {"check_in": CHECK_IN, "check_out": CHECK_IN + timedelta(days=1)}


class Outside:
    """The service, and the calls that it makes."""

    def __init__(self, service: Availability, records: CatalogueRepository, settings: Settings | None = None) -> None:
        self.service = service
        self.clients = ExternalClients(records, (settings or Settings()).external_clients(), service.clock)
        self.jobs = external_runner(service.database, service.repository, self.clients, clock=service.clock)

    async def tell(self, *messages: Message) -> list[Message]:
        """What is answered in the end."""
        answers = await self.service.tell(*messages)
        while await self.jobs.run_due(self.service.relay):
            rows = self.service.office.taken()
            answers += [message_of(row) for row in rows if not row.topic.endswith(".internal")]
            await process_records(
                self.service.consumer, [record_of_row(row) for row in rows if row.topic.endswith(".internal")]
            )
            answers += [message_of(row) for row in self.service.office.taken()]
        return answers


async def connect(records: CatalogueRepository, fake_pms: FakePms, **more: Any) -> None:
    facts = {"property_id": "las-hojas", "base_url": fake_pms.url, "prefix": "HR", "cancels": True, "pause_seconds": 0}
    await records.put(OutsideRecord.model_validate(facts | more), START)


async def held(outside: Outside, *wishes: Any, **more: Any) -> RoomsHeld:
    (answer,) = await outside.tell(hold(uuid4(), *wishes, **more))
    assert isinstance(answer, RoomsHeld), answer
    return answer


def order(found: RoomsHeld, **more: Any) -> OrderRooms:
    facts = {
        "booking_id": found.booking_id,
        "property_id": "las-hojas",
        "package": "las_hojas",
        "payment_method": "bank_transfer",
        "guest": "Ana López",
        "payer": "Ana López",
        "rooms": found.rooms,
    }
    return OrderRooms.model_validate(facts | more)
