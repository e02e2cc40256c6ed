"""Puts notifications together: the only file that constructs its parts."""

from __future__ import annotations

from datetime import timedelta

from services.notifications.api import router
from services.notifications.consumers import routes
from services.notifications.content.composer import NotificationComposer
from services.notifications.content.rendering import Templates
from services.notifications.content.samples import check
from services.notifications.delivery.jobs import delivery_runner
from services.notifications.delivery.rate_monitor import DeliveryRateMonitor
from services.notifications.gauges import GAUGES
from services.notifications.properties import PropertyDirectory
from services.notifications.providers.local import LocalOutbox
from services.notifications.providers.registry import PROVIDERS, greetings_of, readers_of, senders_of
from services.notifications.reports.api import ReportReceiver
from services.notifications.reports.api import router as webhooks
from services.notifications.repository import Repository
from services.notifications.scopes import SCOPES
from services.notifications.settings import Settings
from shared.auth.signed_links import SignedLinks
from shared.clock import Clock
from shared.database.pool import Database
from shared.jobs.wake import WakeSignal
from shared.service import Service
from shared.version import VERSION

__all__ = ["build", "senders_of"]


def links_of(settings: Settings) -> SignedLinks | None:
    """The links of guests to their bookings; None where no address is set."""
    if settings.manage_url is None or settings.manage_key is None:
        return None
    return SignedLinks(settings.manage_url, settings.manage_key)


def build(settings: Settings | None = None, clock: Clock | None = None) -> Service:
    """The service with these settings, else with the environment's.

    Raises:
        TemplateBroken: when a template is missing or does not render.
    """
    settings = settings or Settings()
    clock = clock or settings.clock()
    templates = Templates(settings.region)
    check(templates)
    senders = senders_of(settings)
    composer = NotificationComposer(
        templates=templates,
        region=settings.region,
        chat_events=settings.chat_events,
        local=frozenset(channel for channel, sender in senders.items() if isinstance(sender, LocalOutbox)),
        staff_email=settings.staff_email,
        staff_language=settings.staff_language,
        properties=PropertyDirectory(settings.properties),
        approved=settings.whatsapp_templates,
        staff_phone=settings.staff_phone,
        calls=settings.staff_calls,
        links=links_of(settings),
        links_last=timedelta(days=settings.manage_days),
    )
    wake = WakeSignal()
    database = Database(
        settings.database_url.get_secret_value(),
        connections=settings.database_connections,
        http_connections=settings.http_database_connections,
    )
    repository = Repository(composer, wake)
    deliveries = delivery_runner(
        database,
        repository,
        composer,
        senders,
        at_once=settings.sending_at_once,
        send_seconds=settings.send_seconds,
        lease=timedelta(seconds=settings.lease_seconds),
        wake=wake,
        clock=clock,
    )
    rates = DeliveryRateMonitor(
        database,
        repository,
        wanted=settings.rate_wanted,
        window=timedelta(hours=settings.rate_hours),
        least=settings.rate_least,
        clock=clock,
    )
    reports = ReportReceiver(
        database,
        repository,
        readers_of(settings),
        public_url=settings.public_url,
        window=timedelta(hours=settings.replay_hours),
        wake=wake,
    )
    return Service(
        name="notifications",
        version=VERSION,
        settings=settings,
        database=database,
        routes=routes(repository),
        routers=[router(database, repository, templates, clock)],
        webhooks=[webhooks(reports, PROVIDERS, greetings_of(settings))],
        loops=[deliveries.run, rates.run],
        gauges=GAUGES,
        scopes=SCOPES,
        clock=clock,
        urgent=False,
    )
