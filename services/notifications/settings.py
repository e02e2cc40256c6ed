"""Settings of notifications: providers' credentials, who staff are, and how patiently it sends."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import EmailStr, Field, SecretStr, StringConstraints, model_validator

from services.notifications.deliveries import Event
from shared.contracts.common import Language
from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """A channel whose provider is not configured goes to the local outbox."""

    http_port: int = Field(8104, ge=0, le=65535, description="Port of the HTTP API.")
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = Field(
        "SV", description="ISO country of phone numbers without a prefix, and of how money and dates are written."
    )
    chat_events: frozenset[Event] = Field(
        frozenset({Event.CONFIRMED, Event.REFUSED, Event.FAILED, Event.PAYMENT_SEARCH}),
        description="Events that go out by chat at once; e-mail carries every event.",
    )
    staff_email: EmailStr | None = Field(None, description="Where staff read alerts; unset: the local outbox.")
    staff_language: Language = Language.SPANISH

    wati_url: str | None = Field(None, description="WATI's API endpoint as its dashboard shows it, tenant included.")
    wati_token: SecretStr | None = Field(None, description="WATI's access token, without the word Bearer.")

    smtp_host: str | None = None
    smtp_port: int = Field(587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: EmailStr | None = Field(None, description="The address that guests' e-mail comes from.")

    sending_at_once: int = Field(16, ge=1, le=500, description="Most messages under way at once on each channel.")
    send_seconds: float = Field(20, gt=0, description="Longest wait for a provider's answer.")
    lease_seconds: float = Field(60, gt=0, description="How long a claimed message is an instance's own.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if bool(self.wati_url) != bool(self.wati_token):
            raise ValueError("POSADA_WATI_URL and POSADA_WATI_TOKEN belong together: set both or neither")
        if bool(self.smtp_host) != bool(self.smtp_from):
            raise ValueError("POSADA_SMTP_HOST and POSADA_SMTP_FROM belong together: set both or neither")
        if self.lease_seconds < 2 * self.send_seconds:
            raise ValueError("POSADA_LEASE_SECONDS must be at least twice POSADA_SEND_SECONDS")
        return self
