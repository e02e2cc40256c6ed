"""Postmark: e-mail over HTTP."""

from __future__ import annotations

from services.notifications.delivery.model import Channel
from services.notifications.providers.port import Provider, Sender, Setup
from services.notifications.providers.postmark.report import PostmarkReports
from services.notifications.providers.postmark.sender import Postmark
from services.notifications.providers.postmark.settings import PostmarkSettings
from shared.settings import ExternalSystem, value_of


def _senders(settings: PostmarkSettings, setup: Setup) -> dict[Channel, Sender]:
    if not settings.postmark_from:
        return {}
    token, stream, url = value_of(settings.postmark_token), settings.postmark_stream, settings.postmark_url
    return {Channel.EMAIL: Postmark(token, settings.postmark_from, stream=stream, url=url, **setup.limits)}


def _reports(settings: PostmarkSettings, _: Setup) -> PostmarkReports | None:
    credentials = value_of(settings.postmark_webhook)
    return PostmarkReports(credentials) if credentials else None


PROVIDER = Provider(
    "postmark",
    PostmarkSettings,
    _senders,
    (ExternalSystem("Postmark", "postmark_token", "postmark_url"),),
    _reports,
    together=(("postmark_token", "postmark_from"),),
)
