"""WATI's settings."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from shared.settings import OwnSecret, SettingsFragment


class WatiSettings(SettingsFragment):
    """The tenant's address and token, and what its webhook shows."""

    wati_url: str | None = Field(None, description="WATI's API endpoint as its dashboard shows it, tenant included.")
    wati_token: SecretStr | None = Field(None, description="WATI's access token, without the word Bearer.")
    wati_webhook_token: OwnSecret | None = Field(None, description="What WATI's webhook address has as ?token=….")

    @model_validator(mode="after")
    def _wati_is_complete(self) -> Self:
        if self.wati_token and not self.wati_url:
            raise ValueError("POSADA_WATI_URL is needed to send through WATI")
        return self
