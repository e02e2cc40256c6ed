"""Puts notifications together: the only file that constructs its parts."""

from __future__ import annotations

from datetime import timedelta
from importlib.metadata import version

from services.notifications.api import router
from services.notifications.consumers import routes
from services.notifications.desk import Desk
from services.notifications.rendering import Templates
from services.notifications.repository import Repository
from services.notifications.samples import check
from services.notifications.senders.local import LocalOutbox
from services.notifications.senders.port import Sender
from services.notifications.senders.smtp import Server, Smtp
from services.notifications.senders.wati import Wati
from services.notifications.sending import Courier
from services.notifications.settings import Settings
from shared.contracts.common import Channel
from shared.database import Database
from shared.service import LINGER_MS, Service


def build(settings: Settings | None = None) -> Service:
    """The service with these settings, else with the environment's.

    Raises:
        TemplateBroken: when a template is missing or does not render.
    """
    settings = settings or Settings()
    templates = Templates(settings.region)
    check(templates)
    senders = senders_of(settings)
    desk = Desk(
        templates=templates,
        region=settings.region,
        chat_events=settings.chat_events,
        local=frozenset(channel for channel, sender in senders.items() if isinstance(sender, LocalOutbox)),
        staff_email=settings.staff_email,
        staff_language=settings.staff_language,
    )
    database = Database(settings.database_url.get_secret_value(), connections=settings.database_connections)
    repository = Repository(desk)
    courier = Courier(
        database,
        repository,
        desk,
        senders,
        at_once=settings.sending_at_once,
        send_seconds=settings.send_seconds,
        lease=timedelta(seconds=settings.lease_seconds),
    )
    return Service(
        name="notifications",
        version=version("posada"),
        settings=settings,
        database=database,
        routes=routes(repository),
        routers=[router(database, repository, templates)],
        loops=[courier.run],
        linger_ms=LINGER_MS,
    )


def senders_of(settings: Settings) -> dict[Channel, Sender]:
    """The provider of each channel; the local outbox where none is configured."""
    senders: dict[Channel, Sender] = {channel: LocalOutbox() for channel in Channel}
    if settings.wati_url and settings.wati_token:
        senders[Channel.WHATSAPP] = Wati(
            settings.wati_url,
            settings.wati_token.get_secret_value(),
            seconds=settings.send_seconds,
            connections=settings.sending_at_once,
        )
    if settings.smtp_host and settings.smtp_from:
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
        server = Server(settings.smtp_host, settings.smtp_port, settings.smtp_security, settings.smtp_user, password)
        senders[Channel.EMAIL] = Smtp(server, settings.smtp_from, seconds=settings.send_seconds)
    return senders
