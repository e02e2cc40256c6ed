"""From the event to the guest's phone and mailbox: the shell, the runner and both real adapters together."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from pydantic import SecretStr

from services.notifications.app import senders_of
from services.notifications.delivery.jobs import delivery_runner
from services.notifications.delivery.model import Channel
from services.notifications.repository import Repository
from services.notifications.settings import Settings
from shared.contracts.notifications import GuestNotified
from shared.database.pool import Database
from shared.outbox.publisher import OutboxPublisher
from tests.database.notifications.conftest import MakeConsumer, PostOffice
from tests.support.builders.notifications import a_composer, confirmed, record
from tests.support.doubles.senders import smtp_double, wati_double
from tests.support.doubles.transport import process_records

LOCAL = (Channel.MESSENGER, Channel.INSTAGRAM, Channel.SMS)


async def test_twenty_guests_get_one_whatsapp_message_and_one_email_each(
    database: Database,
    relay: OutboxPublisher,
    make_consumer: MakeConsumer,
    post_office: PostOffice,
    unused_tcp_port: int,
) -> None:
    messages = [confirmed() for _ in range(20)]
    async with wati_double() as wati:
        with smtp_double(unused_tcp_port) as mailbox:
            settings = Settings(
                wati_url=wati.url,
                wati_token=SecretStr("secret"),
                smtp_host="127.0.0.1",
                smtp_port=unused_tcp_port,
                smtp_security="none",
                smtp_from="reservas@example.com",
            )
            composer = a_composer(local=LOCAL)
            runners = [
                delivery_runner(
                    database,
                    Repository(composer),
                    composer,
                    senders_of(settings),
                    at_once=4,
                    send_seconds=5,
                    lease=timedelta(minutes=1),
                )
                for _ in range(2)
            ]
            running = [asyncio.create_task(runner.run(relay)) for runner in runners]
            for _ in range(2):
                await process_records(make_consumer(composer), [record(message) for message in messages])
            async with asyncio.timeout(10), database.connection() as connection:
                while await connection.fetchval(  # noqa: ASYNC110  # nothing tells of another's commit
                    "SELECT count(*) FROM deliveries WHERE status <> 'sent'"
                ):
                    await asyncio.sleep(0.05)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            assert len(mailbox.envelopes) == 20
        assert len(wati.requests) == 20
    assert len({str(request["query"]["localMessageId"]) for request in wati.requests}) == 20
    assert {type(message) for message in post_office.messages} == {GuestNotified}
