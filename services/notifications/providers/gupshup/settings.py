"""Gupshup's settings."""

from __future__ import annotations

from pydantic import Field, SecretStr

from services.notifications.properties import Phone
from shared.settings import SettingsFragment


class GupshupSettings(SettingsFragment):
    """Two products, each with an account of its own."""

    gupshup_key: SecretStr | None = Field(None, description="Gupshup's API key for WhatsApp.")
    gupshup_app: str | None = Field(None, description="The app's name at Gupshup.")
    gupshup_source: Phone | None = Field(None, description="The registered WhatsApp number.")
    gupshup_url: str = Field("https://api.gupshup.io", description="Gupshup's API for WhatsApp.")
    gupshup_sms_user: str | None = Field(None, description="The user of Gupshup's gateway for SMS.")
    gupshup_sms_password: SecretStr | None = Field(None, description="That user's password.")
    gupshup_sms_mask: str | None = Field(None, description="The sender's name that SMS show; unset: Gupshup's own.")
    gupshup_sms_url: str = Field("https://enterprise.smsgupshup.com", description="Gupshup's gateway for SMS.")
