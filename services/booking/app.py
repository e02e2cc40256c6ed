"""Booking put together: the only place that constructs its parts."""

from __future__ import annotations

from datetime import timedelta

from services.booking import api, consumers
from services.booking.lifecycle import api as api_life
from services.booking.repository import Repository
from services.booking.sagas import TABLES
from services.booking.scopes import SCOPES
from services.booking.search import api as api_list
from services.booking.settings import Settings
from shared.clock import Clock
from shared.database.pool import Database
from shared.gauges import SAGAS
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
    patience = timedelta(seconds=settings.saga_patience_seconds)
    repository = Repository({name: table.with_patience(patience) for name, table in TABLES.items()})
    return Service(
        name="booking",
        version=VERSION,
        settings=settings,
        database=database,
        routes=consumers.routes(repository),
        routers=[
            api_list.router(database, repository, settings, clock),
            api.router(database, repository),
            api_life.router(database, settings),
        ],
        loops=[timer_loop(database, "posada/booking", repository.due, clock)],
        gauges=(SAGAS,),
        scopes=SCOPES,
        clock=clock,
    )
