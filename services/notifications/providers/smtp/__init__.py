"""SMTP: e-mail."""

from __future__ import annotations

from typing import Literal

from pydantic import EmailStr, Field, SecretStr

from services.notifications.delivery import Channel
from services.notifications.providers.port import Provider, Sender, Setup
from services.notifications.providers.smtp.sender import Server, Smtp
from shared.settings import ExternalSystem, SettingsFragment, value_of


class SmtpSettings(SettingsFragment):
    """The server that takes our e-mail, and who it comes from."""

    smtp_host: str | None = Field(None, description="Mail server (SMTP).")
    smtp_port: int = Field(587, ge=1, le=65535, description="Port of the mail server.")
    smtp_security: Literal["starttls", "tls", "none"] = Field("starttls", description="starttls, tls or none.")
    smtp_user: str | None = Field(None, description="User of the mail server; unset: no authentication.")
    smtp_password: SecretStr | None = Field(None, description="That user's password.")
    smtp_from: EmailStr | None = Field(None, description="Sender address of e-mail.")


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
