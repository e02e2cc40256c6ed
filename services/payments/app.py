"""Payments put together: the only place that constructs its parts."""

from __future__ import annotations

from services.payments import api, api_cases, api_feeds, api_folios, api_gateway, api_ledger, consumers
from services.payments.gateways.counter import Counter
from services.payments.gateways.port import Gateway
from services.payments.gateways.stripe_checkout import StripeCheckout
from services.payments.gauges import readings
from services.payments.office import Office
from services.payments.reports import Reports
from services.payments.repository import Repository
from services.payments.scopes import SCOPES
from services.payments.settings import Settings
from services.payments.sources.folder import WatchedFolder
from services.payments.sources.http import HttpFeed
from services.payments.sources.keeper import Keeper
from services.payments.sources.port import Source
from shared import outbound
from shared.clock import Clock, system_clock
from shared.database import Database
from shared.service import Service
from shared.version import VERSION


def build(settings: Settings | None = None, clock: Clock = system_clock) -> Service:
    """The service, ready to run; settings come from the environment unless they are given."""
    settings = settings or Settings()
    database = Database(
        settings.database_url.get_secret_value(),
        connections=settings.database_connections,
        http_connections=settings.http_database_connections,
    )
    terms = settings.terms()
    reports, repository = Reports(database), Repository(terms)
    office = Office(repository, database, clock, terms)
    sources = sources_of(settings, clock)
    keeper = Keeper(sources, repository, database, clock, seconds=settings.feed_seconds)
    gateway = gateway_of(settings)
    counter = Counter(gateway, database, clock) if gateway else None
    return Service(
        name="payments",
        version=VERSION,
        settings=settings,
        database=database,
        routes=consumers.routes(repository, keeper.before),
        routers=[
            api_ledger.router(reports),
            api_cases.reading(office, reports),
            api_cases.deciding(office, reports, settings),
            api_feeds.reading(office, reports, settings),
            api_feeds.writing(keeper, office, reports, settings),
            *([api_gateway.ordering(counter, settings)] if counter else []),
            api_folios.reading(office, reports, keeper.before),
            api_folios.writing(office, reports, settings),
            api.router(reports, terms),
        ],
        webhooks=[api_gateway.webhook(counter, office)] if counter else [],
        loops=[keeper.watching(settings.feed_every_seconds)] if sources else [],
        gauges=readings(source.name for source in sources),
        scopes=SCOPES,
        clock=clock,
    )


def gateway_of(settings: Settings) -> Gateway | None:
    """The online gateway whose secrets are set."""
    if not settings.stripe_key or not settings.stripe_webhook_secret:
        return None
    return StripeCheckout(
        settings.stripe_key.get_secret_value(),
        settings.stripe_webhook_secret.get_secret_value(),
        success_url=settings.stripe_success_url,
        terms=settings.terms(),
        base_url=settings.stripe_url,
        allowed=settings.outbound,
    )


def sources_of(settings: Settings, clock: Clock) -> list[Source]:
    """The feeds that are configured; transfers on Kafka need none."""
    sources: list[Source] = []
    if settings.feed_folder:
        sources.append(
            WatchedFolder(
                "folder",
                settings.feed_folder,
                settings.feed_csv,
                settings.feed_camt,
                clock=clock,
                most_bytes=settings.feed_most_bytes,
            )
        )
    if settings.feed_url:
        token = settings.feed_token.get_secret_value() if settings.feed_token else None
        client = outbound.client(seconds=settings.feed_seconds, allowed=settings.outbound)
        sources.append(HttpFeed("http", client, settings.feed_url, token))
    return sources
