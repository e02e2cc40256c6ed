"""Settings of conversations: how phones are read, and who takes part beside the tenant."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Days need no setting: every booking brings its property's time zone."""

    http_port: int = Field(8105, ge=0, le=65535, description="Port of the HTTP API.")
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = Field(
        "SV", description="ISO country of phone numbers without a prefix."
    )
    manager: str | None = Field(None, description="The manager's phone or id in every thread.")
    assistant: str | None = Field(None, description="The assistant's id in every thread.")

    public_url: str | None = Field(
        None, description="What providers call us by, https://…; Twilio signs it. Unset: the address of the request."
    )
    webhook_hours: float = Field(
        48, gt=0, description="Messages written longer ago are set aside for a person. WATI repeats for 24 hours."
    )
    twilio_token: SecretStr | None = Field(None, description="The Twilio account's auth token: it signs webhooks.")
    wati_url: str | None = Field(None, description="WATI's API endpoint as its dashboard shows it, tenant included.")
    wati_webhook_token: SecretStr | None = Field(None, description="What WATI's webhook address has as ?token=….")
    manychat_webhook_token: SecretStr | None = Field(None, description="What ManyChat's request shows as Bearer token.")
