"""Puts conversations together: the only file that constructs its parts."""

from __future__ import annotations

from datetime import timedelta
from importlib.metadata import version

from services.conversations import api, hooks
from services.conversations.consumers import routes
from services.conversations.repository import Repository
from services.conversations.settings import Settings
from services.conversations.webhooks.manychat import ManyChatHook
from services.conversations.webhooks.port import Hook
from services.conversations.webhooks.twilio import TwilioHook
from services.conversations.webhooks.wati import WatiHook
from services.conversations.world import Place
from shared.database import Database
from shared.service import Service


def build(settings: Settings | None = None) -> Service:
    """The service with these settings, else with the environment's."""
    settings = settings or Settings()
    place = Place(settings.region)
    staff = {"manager": settings.manager, "assistant": settings.assistant}
    database = Database(settings.database_url.get_secret_value(), connections=settings.database_connections)
    repository = Repository(place, {role: contact for role, contact in staff.items() if contact})
    return Service(
        name="conversations",
        version=version("posada"),
        settings=settings,
        database=database,
        routes=routes(repository),
        routers=[
            api.router(database, place),
            api.searching_router(database, place),
            api.reading_router(database, settings),
        ],
        webhooks=[
            hooks.router(
                database,
                hooks_of(settings),
                public_url=settings.public_url,
                oldest=timedelta(hours=settings.webhook_hours),
            )
        ],
    )


def hooks_of(settings: Settings) -> list[Hook]:
    """The webhooks whose secrets are set."""
    made: list[Hook] = []
    if settings.twilio_token:
        made.append(TwilioHook(settings.twilio_token.get_secret_value(), settings.assistant))
    if settings.wati_webhook_token:
        made.append(WatiHook(settings.wati_webhook_token.get_secret_value(), settings.wati_url))
    if settings.manychat_webhook_token:
        made.append(ManyChatHook(settings.manychat_webhook_token.get_secret_value()))
    return made
