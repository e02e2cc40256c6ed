"""Settings of notifications: who staff are, how patiently it sends, and what each property does otherwise."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import EmailStr, Field, StringConstraints, model_validator

from services.notifications.delivery.model import Event
from services.notifications.properties import Phone, PropertySettings
from services.notifications.providers.registry import PROVIDERS
from shared.contracts.common import Language
from shared.settings import ExternalSystem, OwnSecret, ServiceSettings

# What belongs together beside the settings of each provider: either all of a group is set or nothing.
TOGETHER = (("manage_url", "manage_key"),)


class Settings(*(one.settings for one in PROVIDERS), ServiceSettings):  # type: ignore[misc]
    """A channel whose provider is not configured goes to the local outbox.

    Where several providers of a channel are configured, the first of `PROVIDERS` sends. Each provider's own settings
    stand in its folder.
    """

    OUTSIDE: ClassVar[tuple[ExternalSystem, ...]] = tuple(system for one in PROVIDERS for system in one.systems)

    http_port: int = Field(8104, ge=0, le=65535, description="Port of the HTTP API.")
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = Field(
        "SV", description="ISO country of phone numbers without a prefix, and of the format of money and dates."
    )
    chat_events: frozenset[Event] = Field(
        frozenset(
            {
                Event.CONFIRMED,
                Event.REFUSED,
                Event.FAILED,
                Event.PAYMENT_SEARCH,
                Event.PAYMENT_ESCALATED,
                Event.ARRIVAL_REMINDER,
                Event.CHECK_IN,
                Event.CHECK_OUT,
            }
        ),
        description="Events that are also sent by chat; every event is sent by e-mail.",
    )
    properties: dict[str, PropertySettings] = Field(
        default_factory=dict, description="Settings of properties, as JSON by id: quiet hours, times, staff."
    )
    staff_email: EmailStr | None = Field(
        None, description="E-mail address of staff for alerts; unset: the local outbox."
    )
    staff_phone: Phone | None = Field(None, description="Phone number of staff for urgent alerts.")
    staff_language: Language = Field(Language.SPANISH, description="Language of alerts.")
    staff_calls: frozenset[str] = Field(
        frozenset({"guest_not_notified", "payment_not_found", "payment_ambiguous", "rooms_gone", "delivery_rate_low"}),
        description="Codes of the alerts for which staff are called.",
    )
    whatsapp_templates: dict[str, str] = Field(
        default_factory=dict,
        description="Approved templates, as JSON by event and language: the provider's name or id for confirmed.es.",
    )

    public_url: str | None = Field(None, description="Where providers reach this service's /webhooks, https://….")
    callback_secret: OwnSecret | None = Field(None, description="Secret that signs the addresses for delivery reports.")
    webhook_token: OwnSecret | None = Field(
        None, description="Token of WATI's and Gupshup's webhooks, as header X-Posada-Token or parameter token."
    )
    manage_url: str | None = Field(
        None, description="Address where guests manage their booking, https://…; a signed token is appended."
    )
    manage_key: OwnSecret | None = Field(
        None, description="Key that signs those links; the page behind the link checks them with it."
    )
    manage_days: float = Field(30, ge=0, le=400, description="Days after the departure for which such a link is valid.")
    replay_hours: float = Field(72, gt=0, description="Hours after which a delivery report is refused.")

    rate_wanted: float = Field(0.95, gt=0, le=1, description="Staff are alerted below this delivery rate.")
    rate_hours: float = Field(1, gt=0, description="Hours over which the rate is measured.")
    rate_least: int = Field(10, ge=1, description="Minimum number of messages for a rate.")

    sending_at_once: int = Field(16, ge=1, le=500, description="Maximum number of concurrent messages on each channel.")
    send_seconds: float = Field(20, gt=0, description="Seconds to wait for a provider's answer.")
    lease_seconds: float = Field(60, gt=0, description="Seconds for which an instance leases a message.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for group in (*TOGETHER, *(group for one in PROVIDERS for group in one.together)):
            given = [bool(getattr(self, name)) for name in group]
            if any(given) and not all(given):
                together = " and ".join(f"POSADA_{name.upper()}" for name in group)
                raise ValueError(f"{together} belong together: set all or none")
        if self.callback_secret and not self.public_url:  # conversations needs the address alone as well
            raise ValueError("POSADA_CALLBACK_SECRET needs POSADA_PUBLIC_URL, where providers reach us: set both")
        if self.lease_seconds < 2 * self.send_seconds:
            raise ValueError("POSADA_LEASE_SECONDS must be at least twice POSADA_SEND_SECONDS")
        known = {f"{event}.{language}" for event in Event for language in Language}
        if unknown := set(self.whatsapp_templates) - known:
            raise ValueError(f"POSADA_WHATSAPP_TEMPLATES: {', '.join(sorted(unknown))} is no event.language of ours")
        return self
