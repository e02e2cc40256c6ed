"""Availability put together: the only place that constructs its parts."""

from __future__ import annotations

from services.availability import api, consumers
from services.availability.catalogue import api as catalogue_api
from services.availability.catalogue.repository import CatalogueRepository
from services.availability.external import api as outside_api
from services.availability.external.clients import ExternalClients
from services.availability.external.jobs import external_runner
from services.availability.gauges import GAUGES
from services.availability.repository import Repository
from services.availability.scopes import SCOPES
from services.availability.settings import Settings
from shared.clock import Clock
from shared.database.pool import Database
from shared.jobs.wake import WakeSignal
from shared.outbox.timers import timer_loop
from shared.service import Service
from shared.version import VERSION


def build(settings: Settings | None = None, clock: Clock | None = None) -> Service:
    """The service, ready to run."""
    settings = settings or Settings()
    clock = clock or settings.clock()
    database = Database(
        settings.database_url.get_secret_value(),
        connections=settings.database_connections,
        http_connections=settings.http_database_connections,
    )
    wake = WakeSignal()
    repository = Repository(wake)
    records = CatalogueRepository(database, edited=repository.forget, allowed=settings.outbound)
    clients = ExternalClients(records, settings.external_clients(), clock)
    external = external_runner(database, repository, clients, clock=clock, wake=wake)
    return Service(
        name="availability",
        version=VERSION,
        settings=settings,
        database=database,
        routes=consumers.routes(repository),
        routers=[
            api.router(database, repository, clock, clients.free_rooms),
            catalogue_api.router(records, clock, settings),
            outside_api.router(database, settings),
        ],
        loops=[timer_loop(database, "posada/availability", repository.due, clock), external.run],
        gauges=GAUGES,
        scopes=SCOPES,
        clock=clock,
        large_bodies={"/catalogue/import": catalogue_api.MOST_BYTES},
    )
