"""The settings of a mail server."""

from __future__ import annotations

from typing import Literal

from pydantic import EmailStr, Field, SecretStr

from shared.settings import SettingsFragment


class SmtpSettings(SettingsFragment):
    """The server that takes our e-mail, and who it comes from."""

    smtp_host: str | None = Field(None, description="The server that takes our e-mail.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field("starttls", description="starttls, tls or none.")
    smtp_user: str | None = Field(None, description="The user there; unset: it asks for none.")
    smtp_password: SecretStr | None = Field(None, description="That user's password.")
    smtp_from: EmailStr | None = Field(None, description="The address that guests' e-mail comes from.")
