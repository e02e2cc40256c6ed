"""Puts conversations together: the only file that constructs its parts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.conversations.console import api
from services.conversations.consumers import routes
from services.conversations.gauges import GAUGES
from services.conversations.inbound import api as hooks
from services.conversations.inbound.manychat import ManyChatHook
from services.conversations.inbound.port import Webhook
from services.conversations.inbound.twilio import TwilioHook
from services.conversations.inbound.wati import WatiHook
from services.conversations.replies import api as answering
from services.conversations.replies.api import ProviderRouter
from services.conversations.replies.dispatcher import ReplyDispatcher
from services.conversations.replies.providers.local import LocalReplies
from services.conversations.replies.providers.manychat import ManyChatReplies
from services.conversations.replies.providers.port import Provider
from services.conversations.replies.providers.twilio import Account, TwilioConversations
from services.conversations.replies.providers.wati import WatiReplies
from services.conversations.repository import Repository
from services.conversations.scopes import SCOPES
from services.conversations.settings import Settings
from services.conversations.threads import relinking
from services.conversations.threads.contacts import e164
from services.conversations.unit_of_work import PhoneRegion
from shared.clock import Clock
from shared.contracts.common import Channel
from shared.contracts.conversations import Author
from shared.database.pool import Database
from shared.service import LINGER_MS, Service
from shared.version import VERSION


def build(settings: Settings | None = None, clock: Clock | None = None) -> Service:
    """The service with these settings, else with the environment's."""
    settings = settings or Settings()
    clock = clock or settings.clock()
    place = PhoneRegion(settings.region)
    staff = staff_of(settings)
    database = Database(
        settings.database_url.get_secret_value(),
        connections=settings.database_connections,
        http_connections=settings.http_database_connections,
    )
    switchboard = ProviderRouter(providers_of(settings), LocalReplies())
    lease = timedelta(seconds=settings.lease_seconds)
    postman = ReplyDispatcher(database, switchboard.all, seconds=settings.send_seconds, lease=lease, clock=clock)
    repository = Repository(place, staff, errands=TwilioConversations.name in switchboard.all)
    return Service(
        name="conversations",
        version=VERSION,
        settings=settings,
        database=database,
        routes=routes(repository),
        routers=[
            api.router(database, place),
            api.searching_router(database, place),
            api.reading_router(database, settings, clock),
            answering.router(database, switchboard, postman, settings, clock),
            relinking.router(database, repository, place, settings, clock),
        ],
        webhooks=[
            hooks.router(
                database,
                hooks_of(settings),
                public_url=settings.public_url,
                oldest=timedelta(hours=settings.webhook_hours),
                clock=clock,
            )
        ],
        loops=[postman.send_for_ever, postman.keep_for_ever],
        gauges=GAUGES,
        scopes=SCOPES,
        clock=clock,
        linger_ms=LINGER_MS,
    )


def staff_of(settings: Settings) -> dict[str, str]:
    """Who takes part beside the tenant, by role: a phone as E.164, or a chat identity."""
    named = {Author.MANAGER.value: settings.manager, Author.ASSISTANT.value: settings.assistant}
    return {role: e164(contact, settings.region) or contact for role, contact in named.items() if contact}


def hooks_of(settings: Settings) -> list[Webhook]:
    """The webhooks whose secrets are set."""
    made: list[Webhook] = []
    if settings.twilio_token:
        made.append(
            TwilioHook(
                settings.twilio_token.get_secret_value(),
                {contact: Author(role) for role, contact in staff_of(settings).items()},
            )
        )
    if settings.wati_webhook_token:
        made.append(WatiHook(settings.wati_webhook_token.get_secret_value(), settings.wati_url))
    if settings.manychat_webhook_token:
        made.append(ManyChatHook(settings.manychat_webhook_token.get_secret_value()))
    return made


def providers_of(settings: Settings) -> dict[Channel, list[Provider]]:
    """Who sends on each channel, the first choice first; a channel without any keeps its replies here."""
    found: dict[Channel, list[Provider]] = {channel: [] for channel in Channel}
    limits: dict[str, Any] = {"seconds": settings.send_seconds, "allowed": settings.outbound}
    given = {Channel.WHATSAPP: settings.twilio_whatsapp_from, Channel.SMS: settings.twilio_sms_from}
    ours = {channel: address for channel, address in given.items() if address}
    if ours and settings.twilio_account and settings.twilio_token:
        account = Account(settings.twilio_account, settings.twilio_token.get_secret_value(), ours)
        twilio = TwilioConversations(account, url=settings.twilio_conversations_url, **limits)
        for channel in ours:
            found[channel].append(twilio)
    if settings.wati_url and settings.wati_token:
        token = settings.wati_token.get_secret_value()
        found[Channel.WHATSAPP].append(WatiReplies(settings.wati_url, token, **limits))
    if settings.manychat_token:
        token = settings.manychat_token.get_secret_value()
        manychat = ManyChatReplies(token, url=settings.manychat_url, **limits)
        found[Channel.MESSENGER].append(manychat)
        found[Channel.INSTAGRAM].append(manychat)
    return found
