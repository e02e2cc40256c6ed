"""Postmark: e-mail over HTTP."""

from __future__ import annotations

from pydantic import EmailStr, Field, SecretStr

from services.notifications.delivery import Channel
from services.notifications.providers.port import Provider, Sender, Setup
from services.notifications.providers.postmark.report import PostmarkReports
from services.notifications.providers.postmark.sender import Postmark
from shared.settings import ExternalSystem, OwnSecret, SettingsFragment, value_of


class PostmarkSettings(SettingsFragment):
    """The server's token, who e-mail comes from, and what the webhook shows."""

    postmark_token: SecretStr | None = Field(None, description="The server's API token at Postmark.")
    postmark_from: EmailStr | None = Field(None, description="Sender address of e-mail through Postmark.")
    postmark_stream: str = Field("outbound", description="Postmark's message stream.")
    postmark_webhook: OwnSecret | None = Field(None, description="user:password of Postmark's webhook.")
    postmark_url: str = Field("https://api.postmarkapp.com", description="Postmark's API.")


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
