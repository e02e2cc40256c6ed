"""Settings of conversations: how phones are read, and who takes part beside the tenant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

from pydantic import Field, SecretStr, StringConstraints, model_validator

from shared.settings import OwnSecret, ServiceSettings


class Settings(ServiceSettings):
    """Days need no setting: every booking brings its property's time zone."""

    OUTSIDE: ClassVar[tuple[str, ...]] = ("twilio_conversations_url", "wati_url", "manychat_url")
    PROVIDERS: ClassVar[Mapping[str, str | None]] = {
        "twilio_token": "twilio_conversations_url",
        "wati_token": "wati_url",
        "manychat_token": "manychat_url",
    }

    http_port: int = Field(8105, ge=0, le=65535, description="Port of the HTTP API.")
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = Field(
        "SV", description="ISO country of phone numbers without a prefix."
    )
    manager: str | None = Field(None, description="The manager's phone or chat identity in every thread.")
    assistant: str | None = Field(None, description="The assistant's chat identity in every thread.")

    public_url: str | None = Field(
        None, description="What providers call us by, https://…; Twilio signs it. Unset: the address of the request."
    )
    webhook_hours: float = Field(
        48, gt=0, description="Messages written longer ago are set aside for a person. WATI repeats for 24 hours."
    )
    twilio_account: str | None = Field(None, description="The Twilio account's SID, AC….")
    twilio_token: SecretStr | None = Field(None, description="The Twilio account's auth token: it signs webhooks.")
    twilio_whatsapp_from: str | None = Field(None, description="Our WhatsApp sender at Twilio, E.164.")
    twilio_sms_from: str | None = Field(None, description="Our number for SMS at Twilio, E.164.")
    twilio_conversations_url: str = Field("https://conversations.twilio.com", description="Twilio Conversations' API.")

    wati_url: str | None = Field(None, description="WATI's API endpoint as its dashboard shows it, tenant included.")
    wati_token: SecretStr | None = Field(None, description="WATI's access token, without the word Bearer.")
    wati_webhook_token: OwnSecret | None = Field(None, description="What WATI's webhook address has as ?token=….")

    manychat_token: SecretStr | None = Field(None, description="ManyChat's API token.")
    manychat_url: str = Field("https://api.manychat.com", description="ManyChat's API.")
    manychat_webhook_token: OwnSecret | None = Field(None, description="What ManyChat's request shows as Bearer token.")

    send_seconds: float = Field(20, gt=0, description="Longest wait for a provider's answer.")
    lease_seconds: float = Field(60, gt=0, description="How long what an instance took to send is its own.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        ours = bool(self.twilio_whatsapp_from or self.twilio_sms_from)
        if ours and not (self.twilio_account and self.twilio_token):
            raise ValueError("POSADA_TWILIO_ACCOUNT and POSADA_TWILIO_TOKEN are needed to send through Twilio")
        if self.wati_token and not self.wati_url:
            raise ValueError("POSADA_WATI_URL is needed to send through WATI")
        if self.lease_seconds < 2 * self.send_seconds:
            raise ValueError("POSADA_LEASE_SECONDS must be at least twice POSADA_SEND_SECONDS")
        return self
