"""ManyChat's settings."""

from __future__ import annotations

from pydantic import Field, SecretStr

from shared.providers.manychat import URL
from shared.settings import SettingsFragment


class ManyChatSettings(SettingsFragment):
    """The token, and the tag of messages outside Messenger's window."""

    manychat_token: SecretStr | None = Field(None, description="ManyChat's API token.")
    manychat_tag: str | None = Field(None, description="Messenger's tag for writing outside its 24 hours.")
    manychat_url: str = Field(URL, description="ManyChat's API.")
