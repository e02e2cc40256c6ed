"""Booking put together: the only place that constructs its parts."""

from __future__ import annotations

from datetime import timedelta

from services.booking import api, api_life, api_list, consumers
from services.booking.life_store import LifeStore
from services.booking.repository import Repository
from services.booking.sagas.change_dates import CHANGE_DATES
from services.booking.sagas.ending import ENDING
from services.booking.sagas.multi_room import MULTI_ROOM
from services.booking.scopes import SCOPES
from services.booking.settings import Settings
from shared.alarm_clock import ringing
from shared.clock import Clock, system_clock
from shared.database import Database
from shared.gauges import SAGAS
from shared.service import Service
from shared.version import VERSION


def build(settings: Settings | None = None, clock: Clock = system_clock) -> Service:
    """The service, ready to run."""
    settings = settings or Settings()
    database = Database(
        settings.database_url.get_secret_value(),
        connections=settings.database_connections,
        http_connections=settings.http_database_connections,
    )
    patience = timedelta(seconds=settings.saga_patience_seconds)
    lives = LifeStore(ENDING.with_patience(patience), CHANGE_DATES.with_patience(patience))
    repository = Repository(MULTI_ROOM.with_patience(patience), lives)
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
        loops=[ringing(database, "posada/booking", repository.due, clock)],
        gauges=(SAGAS,),
        scopes=SCOPES,
        clock=clock,
    )
