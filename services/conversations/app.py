"""Puts conversations together: the only file that constructs its parts."""

from __future__ import annotations

from datetime import timedelta

from services.conversations.console import api
from services.conversations.consumers import routes
from services.conversations.gauges import GAUGES
from services.conversations.inbound import api as inbound
from services.conversations.providers.local import LocalReplies
from services.conversations.providers.registry import senders_of, webhooks_of
from services.conversations.replies import api as answering
from services.conversations.replies.api import ProviderRouter
from services.conversations.replies.jobs import conversation_runner, job_limits, reply_runner
from services.conversations.repository import Repository
from services.conversations.scopes import SCOPES
from services.conversations.settings import Settings
from services.conversations.threads import relinking
from services.conversations.threads.contacts import e164
from services.conversations.unit_of_work import PhoneRegion
from shared.clock import Clock
from shared.contracts.conversations import Author
from shared.database.pool import Database
from shared.jobs.wake import WakeSignal
from shared.service import Service
from shared.version import VERSION


def build(settings: Settings | None = None, clock: Clock | None = None) -> Service:
    """The service with these settings, else with the environment's."""
    settings = settings or Settings()
    clock = clock or settings.clock()
    region = PhoneRegion(settings.region)
    staff = staff_of(settings)
    database = Database(
        settings.database_url.get_secret_value(),
        connections=settings.database_connections,
        http_connections=settings.http_database_connections,
    )
    providers = ProviderRouter(senders_of(settings), LocalReplies())
    wake = WakeSignal()
    limits = job_limits(seconds=settings.send_seconds, lease=timedelta(seconds=settings.lease_seconds))
    replies = reply_runner(database, providers.all, limits, wake=wake, clock=clock)
    conversations = conversation_runner(database, providers.all, limits, clock=clock)
    repository = Repository(region, staff, keeps_conversations=conversations is not None)
    return Service(
        name="conversations",
        version=VERSION,
        settings=settings,
        database=database,
        routes=routes(repository),
        routers=[
            api.router(database, region),
            api.searching_router(database, region),
            api.reading_router(database, settings, clock),
            answering.router(database, providers, wake, settings, clock),
            relinking.router(database, repository, region, settings, clock),
        ],
        webhooks=[
            inbound.router(
                database,
                webhooks_of(settings, {contact: Author(role) for role, contact in staff.items()}),
                public_url=settings.public_url,
                oldest=timedelta(hours=settings.webhook_hours),
                clock=clock,
            )
        ],
        loops=[one.run for one in (replies, conversations) if one],
        gauges=GAUGES,
        scopes=SCOPES,
        clock=clock,
        urgent=False,
    )


def staff_of(settings: Settings) -> dict[str, str]:
    """Who takes part beside the tenant, by role: a phone as E.164, or a chat identity."""
    named = {Author.MANAGER.value: settings.manager, Author.ASSISTANT.value: settings.assistant}
    return {role: e164(contact, settings.region) or contact for role, contact in named.items() if contact}
