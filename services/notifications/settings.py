"""Settings of notifications: providers' credentials, who staff are, how patiently it sends, and each house's habits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import EmailStr, Field, SecretStr, StringConstraints, model_validator

from services.notifications.delivery.model import Event
from services.notifications.properties import PropertySettings
from shared.contracts.common import Language
from shared.settings import OwnSecret, ServiceSettings

Phone = Annotated[str, StringConstraints(pattern=r"^\+?[0-9]{8,15}$")]
# What belongs together: either all of a group is set or nothing.
GROUPS = (
    ("wati_url", "wati_token"),
    ("twilio_account", "twilio_token"),
    ("gupshup_key", "gupshup_app", "gupshup_source"),
    ("gupshup_sms_user", "gupshup_sms_password"),
    ("exotel_account", "exotel_key", "exotel_token", "exotel_caller", "exotel_flow"),
    ("smtp_host", "smtp_from"),
    ("postmark_token", "postmark_from"),
    ("public_url", "callback_secret"),
    ("manage_url", "manage_key"),
)


class Settings(ServiceSettings):
    """A channel whose provider is not configured goes to the local outbox.

    Where several providers of a channel are configured, the first of those named beside it is used.
    """

    OUTSIDE: ClassVar[tuple[str, ...]] = (
        "wati_url",
        "twilio_url",
        "gupshup_url",
        "gupshup_sms_url",
        "manychat_url",
        "exotel_url",
        "postmark_url",
    )
    PROVIDERS: ClassVar[Mapping[str, str | None]] = {
        "wati_token": "wati_url",
        "twilio_token": "twilio_url",
        "gupshup_key": "gupshup_url",
        "gupshup_sms_password": "gupshup_sms_url",
        "manychat_token": "manychat_url",
        "exotel_token": "exotel_url",
        "postmark_token": "postmark_url",
        "smtp_host": "smtp_host",
    }

    http_port: int = Field(8104, ge=0, le=65535, description="Port of the HTTP API.")
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = Field(
        "SV", description="ISO country of phone numbers without a prefix, and of how money and dates are written."
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
        description="Events that go out by chat at once; e-mail carries every event.",
    )
    properties: dict[str, PropertySettings] = Field(
        default_factory=dict, description="What differs by property, as JSON by its id: quiet hours, times, staff."
    )
    staff_email: EmailStr | None = Field(None, description="Where staff read alerts; unset: the local outbox.")
    staff_phone: Phone | None = Field(None, description="Whom escalations ring up.")
    staff_language: Language = Field(Language.SPANISH, description="The language of alerts.")
    staff_calls: frozenset[str] = Field(
        frozenset({"guest_not_notified", "payment_not_found", "payment_ambiguous", "rooms_gone", "delivery_rate_low"}),
        description="Codes of the alerts that ring staff up.",
    )
    whatsapp_templates: dict[str, str] = Field(
        default_factory=dict,
        description="Approved templates as JSON, by event and language: confirmed.es to the provider's name or id.",
    )

    wati_url: str | None = Field(None, description="WATI's API endpoint as its dashboard shows it, tenant included.")
    wati_token: SecretStr | None = Field(None, description="WATI's access token, without the word Bearer.")

    twilio_account: str | None = Field(None, description="Account SID, AC….")
    twilio_token: SecretStr | None = Field(None, description="Auth token; it also signs Twilio's webhooks.")
    twilio_whatsapp_from: str | None = Field(None, description="Sender's number or messaging service, MG….")
    twilio_sms_from: str | None = Field(None, description="Sender's number, name or messaging service, MG….")
    twilio_url: str = Field("https://api.twilio.com", description="Twilio's API.")

    gupshup_key: SecretStr | None = Field(None, description="Gupshup's API key for WhatsApp.")
    gupshup_app: str | None = Field(None, description="The app's name at Gupshup.")
    gupshup_source: Phone | None = Field(None, description="The registered WhatsApp number.")
    gupshup_url: str = Field("https://api.gupshup.io", description="Gupshup's API for WhatsApp.")
    gupshup_sms_user: str | None = Field(None, description="The user of Gupshup's gateway for SMS.")
    gupshup_sms_password: SecretStr | None = Field(None, description="That user's password.")
    gupshup_sms_mask: str | None = Field(None, description="The sender's name that SMS show; unset: Gupshup's own.")
    gupshup_sms_url: str = Field("https://enterprise.smsgupshup.com", description="Gupshup's gateway for SMS.")

    manychat_token: SecretStr | None = Field(None, description="ManyChat's API token.")
    manychat_tag: str | None = Field(None, description="Messenger's tag for writing outside its 24 hours.")
    manychat_url: str = Field("https://api.manychat.com", description="ManyChat's API.")

    exotel_account: str | None = Field(None, description="The account's SID at Exotel.")
    exotel_key: SecretStr | None = Field(None, description="Exotel's API key.")
    exotel_token: SecretStr | None = Field(None, description="Exotel's API token.")
    exotel_caller: str | None = Field(None, description="The ExoPhone that calls.")
    exotel_flow: str | None = Field(None, description="The id of the flow whose greeting reads the alert out.")
    exotel_url: str = Field("https://api.exotel.com", description="api.in.exotel.com for the cluster in Mumbai.")

    postmark_token: SecretStr | None = Field(None, description="The server's API token at Postmark.")
    postmark_from: EmailStr | None = Field(None, description="The address that e-mail through Postmark comes from.")
    postmark_stream: str = Field("outbound", description="Postmark's message stream.")
    postmark_webhook: OwnSecret | None = Field(None, description="user:password that Postmark's webhook shows.")
    postmark_url: str = Field("https://api.postmarkapp.com", description="Postmark's API.")

    smtp_host: str | None = Field(None, description="The server that takes our e-mail.")
    smtp_port: int = Field(587, ge=1, le=65535, description="Its port.")
    smtp_security: Literal["starttls", "tls", "none"] = Field("starttls", description="starttls, tls or none.")
    smtp_user: str | None = Field(None, description="The user there; unset: it asks for none.")
    smtp_password: SecretStr | None = Field(None, description="That user's password.")
    smtp_from: EmailStr | None = Field(None, description="The address that guests' e-mail comes from.")

    public_url: str | None = Field(None, description="Where providers reach this service's /webhooks, https://….")
    callback_secret: OwnSecret | None = Field(None, description="Signs the addresses that providers report to.")
    webhook_token: OwnSecret | None = Field(
        None, description="What WATI's and Gupshup's webhooks show, as header X-Posada-Token or parameter token."
    )
    manage_url: str | None = Field(
        None, description="Where guests manage their booking, https://…; a signed token is put behind it."
    )
    manage_key: OwnSecret | None = Field(
        None, description="Signs those links; whoever opens the page checks them with it."
    )
    manage_days: float = Field(30, ge=0, le=400, description="So long after the departure such a link still opens.")
    replay_hours: float = Field(72, gt=0, description="Reports that are older are refused.")

    rate_wanted: float = Field(0.95, gt=0, le=1, description="The alarm is raised below this delivery rate.")
    rate_hours: float = Field(1, gt=0, description="The window in which the rate is measured.")
    rate_least: int = Field(10, ge=1, description="So many messages at least, before a rate says something.")

    sending_at_once: int = Field(16, ge=1, le=500, description="Most messages under way at once on each channel.")
    send_seconds: float = Field(20, gt=0, description="Longest wait for a provider's answer.")
    lease_seconds: float = Field(60, gt=0, description="How long a claimed message is an instance's own.")

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for group in GROUPS:
            given = [bool(getattr(self, name)) for name in group]
            if any(given) and not all(given):
                together = " and ".join(f"POSADA_{name.upper()}" for name in group)
                raise ValueError(f"{together} belong together: set all or none")
        if self.lease_seconds < 2 * self.send_seconds:
            raise ValueError("POSADA_LEASE_SECONDS must be at least twice POSADA_SEND_SECONDS")
        known = {f"{event}.{language}" for event in Event for language in Language}
        if unknown := set(self.whatsapp_templates) - known:
            raise ValueError(f"POSADA_WHATSAPP_TEMPLATES: {', '.join(sorted(unknown))} is no event.language of ours")
        return self
