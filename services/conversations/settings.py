"""Settings of conversations: how phones are read, and who takes part beside the tenant."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, model_validator

from services.conversations.providers.registry import PROVIDERS
from shared.settings import ExternalSystem, ServiceSettings


class Settings(*(one.settings for one in PROVIDERS), ServiceSettings):  # type: ignore[misc]
    """Days need no setting: every booking brings its property's time zone."""

    OUTSIDE: ClassVar[tuple[ExternalSystem, ...]] = tuple(one.system for one in PROVIDERS)

    http_port: int = Field(8105, ge=0, le=65535, description="Port of the HTTP API.")
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = Field(
        "SV", description="ISO country of phone numbers without a prefix."
    )
    manager: str | None = Field(None, description="The manager's phone or chat identity in every thread.")
    assistant: str | None = Field(None, description="The assistant's chat identity in every thread.")

    public_url: str | None = Field(
        None,
        description="This service's address for providers, https://…; Twilio signs it. Unset: the address of the "
        "request.",
    )
    webhook_hours: float = Field(
        48, gt=0, description="Hours after which a webhook's message becomes a dead letter. WATI repeats for 24 hours."
    )

    send_seconds: float = Field(20, gt=0, description="Seconds to wait for a provider's answer.")
    lease_seconds: float = Field(60, gt=0, description="Seconds for which an instance leases a reply.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.lease_seconds < 2 * self.send_seconds:
            raise ValueError("POSADA_LEASE_SECONDS must be at least twice POSADA_SEND_SECONDS")
        return self
