"""Exotel's settings."""

from __future__ import annotations

from pydantic import Field, SecretStr

from shared.settings import SettingsFragment


class ExotelSettings(SettingsFragment):
    """The account, who calls, and the flow that is called with."""

    exotel_account: str | None = Field(None, description="The account's SID at Exotel.")
    exotel_key: SecretStr | None = Field(None, description="Exotel's API key.")
    exotel_token: SecretStr | None = Field(None, description="Exotel's API token.")
    exotel_caller: str | None = Field(None, description="The ExoPhone that calls.")
    exotel_flow: str | None = Field(None, description="The id of the flow whose greeting reads the alert out.")
    exotel_url: str = Field("https://api.exotel.com", description="api.in.exotel.com for the cluster in Mumbai.")
