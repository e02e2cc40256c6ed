"""ManyChat's settings."""

from __future__ import annotations

from pydantic import Field, SecretStr

from shared.providers.manychat import URL
from shared.settings import OwnSecret, SettingsFragment


class ManyChatSettings(SettingsFragment):
    """The token that we show, and the one that is shown to us."""

    manychat_token: SecretStr | None = Field(None, description="ManyChat's API token.")
    manychat_url: str = Field(URL, description="ManyChat's API.")
    manychat_webhook_token: OwnSecret | None = Field(None, description="What ManyChat's request shows as Bearer token.")
