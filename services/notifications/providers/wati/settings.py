"""WATI's settings."""

from __future__ import annotations

from pydantic import Field, SecretStr

from shared.settings import SettingsFragment


class WatiSettings(SettingsFragment):
    """The tenant's address and token."""

    wati_url: str | None = Field(None, description="WATI's API endpoint as its dashboard shows it, tenant included.")
    wati_token: SecretStr | None = Field(None, description="WATI's access token, without the word Bearer.")
