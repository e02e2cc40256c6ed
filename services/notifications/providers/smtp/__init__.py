"""SMTP: e-mail."""

from __future__ import annotations

from services.notifications.delivery.model import Channel
from services.notifications.providers.port import Provider, Sender, Setup
from services.notifications.providers.smtp.sender import Server, Smtp
from services.notifications.providers.smtp.settings import SmtpSettings
from shared.settings import ExternalSystem, value_of


def _senders(settings: SmtpSettings, setup: Setup) -> dict[Channel, Sender]:
    if not settings.smtp_host or not settings.smtp_from:
        return {}
    password = value_of(settings.smtp_password) or None
    server = Server(settings.smtp_host, settings.smtp_port, settings.smtp_security, settings.smtp_user, password)
    return {Channel.EMAIL: Smtp(server, settings.smtp_from, seconds=setup.limits["seconds"])}


PROVIDER = Provider(
    "smtp",
    SmtpSettings,
    _senders,
    (ExternalSystem("e-mail", "smtp_host", host="smtp_host", port="smtp_port"),),
    together=(("smtp_host", "smtp_from"),),
)
