"""Puts conversations together: the only file that constructs its parts."""

from __future__ import annotations

from importlib.metadata import version

from services.conversations.api import router
from services.conversations.consumers import routes
from services.conversations.repository import Repository
from services.conversations.settings import Settings
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
        routers=[router(database, repository, place)],
    )
