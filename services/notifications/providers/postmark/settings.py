"""Postmark's settings."""

from __future__ import annotations

from pydantic import EmailStr, Field, SecretStr

from shared.settings import OwnSecret, SettingsFragment


class PostmarkSettings(SettingsFragment):
    """The server's token, who e-mail comes from, and what the webhook shows."""

    postmark_token: SecretStr | None = Field(None, description="The server's API token at Postmark.")
    postmark_from: EmailStr | None = Field(None, description="The address that e-mail through Postmark comes from.")
    postmark_stream: str = Field("outbound", description="Postmark's message stream.")
    postmark_webhook: OwnSecret | None = Field(None, description="user:password that Postmark's webhook shows.")
    postmark_url: str = Field("https://api.postmarkapp.com", description="Postmark's API.")
