"""Payments put together: the only place that constructs its parts."""

from __future__ import annotations

from services.payments import api, api_cases, api_folios, api_ledger, consumers
from services.payments.office import Office
from services.payments.reports import Reports
from services.payments.repository import Repository
from services.payments.settings import Settings
from shared.clock import Clock, system_clock
from shared.database import Database
from shared.service import Service
from shared.version import VERSION


def build(settings: Settings | None = None, clock: Clock = system_clock) -> Service:
    """The service, ready to run; settings come from the environment unless they are given."""
    settings = settings or Settings()
    database = Database(settings.database_url.get_secret_value(), connections=settings.database_connections)
    terms = settings.terms()
    reports, repository = Reports(database), Repository(terms)
    office = Office(repository, database, clock, terms.zone)
    return Service(
        name="payments",
        version=VERSION,
        settings=settings,
        database=database,
        routes=consumers.routes(repository),
        routers=[
            api_ledger.router(reports),
            api_cases.reading(office, reports),
            api_cases.deciding(office, reports, settings),
            api_folios.reading(office, reports),
            api_folios.writing(office, reports, settings),
            api.router(reports, terms),
        ],
        clock=clock,
    )
