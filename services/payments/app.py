"""Payments put together: the only place that constructs its parts."""

from __future__ import annotations

from services.payments import consumers
from services.payments.cases import api as api_cases
from services.payments.feeds import api as api_feeds
from services.payments.feeds import imports_api
from services.payments.feeds.folder import WatchedFolder
from services.payments.feeds.history import FileHistory
from services.payments.feeds.http import HttpFeed
from services.payments.feeds.port import Source
from services.payments.feeds.store import RecordedFiles
from services.payments.feeds.sync import FeedSync
from services.payments.folio import api as api_folios
from services.payments.folio import corrections_api as api_corrections
from services.payments.gauges import readings
from services.payments.lookup import Lookup
from services.payments.online import api as api_gateway
from services.payments.online.orders import OrderService
from services.payments.online.port import Gateway
from services.payments.online.stripe_checkout import StripeCheckout
from services.payments.queries import Queries
from services.payments.repository import Repository
from services.payments.requests import api as api_requests
from services.payments.requests.search_handlers import source_told
from services.payments.scopes import SCOPES
from services.payments.settings import Settings
from services.payments.transfers import api as api_transfers
from shared.clock import Clock, system_clock
from shared.database.pool import Database
from shared.outbound import client as outbound
from shared.service import Service
from shared.version import VERSION


def build(settings: Settings | None = None, clock: Clock | None = None) -> Service:
    """The service, ready to run; settings come from the environment unless they are given."""
    settings = settings or Settings()
    clock = clock or settings.clock()
    database = Database(
        settings.database_url.get_secret_value(),
        connections=settings.database_connections,
        http_connections=settings.http_database_connections,
    )
    terms = settings.terms()
    queries, repository = Queries(database), Repository(terms)
    lookup = Lookup(repository, database, clock, terms)
    history = RecordedFiles(database)
    sources = sources_of(settings, history)
    sync = FeedSync(sources, repository, database, clock, record=source_told, seconds=settings.feed_seconds)
    gateway = gateway_of(settings)
    orders = OrderService(gateway, database, clock) if gateway else None
    return Service(
        name="payments",
        version=VERSION,
        settings=settings,
        database=database,
        routes=consumers.routes(repository, sync.prefetch),
        routers=[
            api_transfers.router(queries, terms),
            api_requests.router(lookup, queries, sync.prefetch),
            api_cases.reading(lookup, queries),
            api_cases.deciding(queries, settings),
            api_feeds.reading(clock, queries, settings),
            api_feeds.writing(sync, clock, queries, settings),
            imports_api.importing(sync, history, clock, settings),
            *([api_gateway.ordering(orders, settings)] if orders else []),
            api_folios.reading(queries),
            api_folios.writing(lookup, queries, settings),
            api_corrections.reading(queries),
            api_corrections.writing(queries, settings),
        ],
        webhooks=[api_gateway.webhook(orders)] if orders else [],
        loops=[sync.watching(settings.feed_every_seconds)] if sources else [],
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


def sources_of(settings: Settings, history: FileHistory | None = None) -> list[Source]:
    """The feeds that are configured; transfers on Kafka need none."""
    sources: list[Source] = []
    if settings.feed_folder:
        sources.append(
            WatchedFolder(
                "folder",
                settings.feed_folder,
                *settings.layouts(),
                clock=system_clock,  # which stamps files
                most_bytes=settings.feed_most_bytes,
                history=history,
            )
        )
    if settings.feed_url:
        token = settings.feed_token.get_secret_value() if settings.feed_token else None
        client = outbound.client(seconds=settings.feed_seconds, allowed=settings.outbound)
        sources.append(HttpFeed("http", client, settings.feed_url, token))
    return sources
