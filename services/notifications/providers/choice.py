"""Chooses the provider of each channel by what is configured."""

from __future__ import annotations

from typing import Any

from pydantic import SecretStr

from services.notifications.delivery.model import Channel
from services.notifications.providers.callbacks import Callbacks
from services.notifications.providers.exotel.sender import Exotel
from services.notifications.providers.gupshup.sender import GupshupSms, GupshupWhatsApp
from services.notifications.providers.local import LocalOutbox
from services.notifications.providers.manychat.sender import ManyChat
from services.notifications.providers.port import Sender
from services.notifications.providers.postmark.sender import Postmark
from services.notifications.providers.smtp import Server, Smtp
from services.notifications.providers.twilio.sender import Twilio
from services.notifications.providers.wati.sender import Wati
from services.notifications.settings import Settings


def senders_of(settings: Settings) -> dict[Channel, Sender]:
    """The provider of each channel; the local outbox where none is configured."""
    limits: dict[str, Any] = {
        "seconds": settings.send_seconds,
        "connections": settings.sending_at_once,
        "allowed": settings.outbound,
    }
    # A later one goes before an earlier.
    candidates: list[tuple[Channel, Sender | None]] = [
        (Channel.SMS, _gupshup_sms(settings, limits)),
        (Channel.WHATSAPP, _gupshup_whatsapp(settings, limits)),
        *_twilio(settings, limits),
        (Channel.WHATSAPP, _wati(settings, limits)),
        *[(channel, _manychat(settings, limits)) for channel in (Channel.MESSENGER, Channel.INSTAGRAM)],
        (Channel.VOICE, _exotel(settings, limits)),
        (Channel.EMAIL, _smtp(settings)),
        (Channel.EMAIL, _postmark(settings, limits)),
    ]
    local: dict[Channel, Sender] = {channel: LocalOutbox() for channel in Channel}
    return local | {channel: sender for channel, sender in candidates if sender}


def callbacks_of(settings: Settings) -> Callbacks | None:
    """Where providers report to, if they can reach us."""
    if not settings.public_url or not settings.callback_secret:
        return None
    return Callbacks(settings.public_url, settings.callback_secret.get_secret_value())


def _wati(settings: Settings, limits: dict[str, Any]) -> Sender | None:
    return Wati(settings.wati_url, told(settings.wati_token), **limits) if settings.wati_url else None


def _twilio(settings: Settings, limits: dict[str, Any]) -> list[tuple[Channel, Sender]]:
    given = {Channel.WHATSAPP: settings.twilio_whatsapp_from, Channel.SMS: settings.twilio_sms_from}
    numbers = {channel: number for channel, number in given.items() if number}
    if not settings.twilio_account or not numbers:
        return []
    sender = Twilio(
        settings.twilio_account,
        told(settings.twilio_token),
        numbers,
        url=settings.twilio_url,
        callbacks=callbacks_of(settings),
        **limits,
    )
    return [(channel, sender) for channel in numbers]


def _gupshup_whatsapp(settings: Settings, limits: dict[str, Any]) -> Sender | None:
    if not settings.gupshup_app or not settings.gupshup_source:
        return None
    key = told(settings.gupshup_key)
    return GupshupWhatsApp(key, settings.gupshup_app, settings.gupshup_source, url=settings.gupshup_url, **limits)


def _gupshup_sms(settings: Settings, limits: dict[str, Any]) -> Sender | None:
    if not settings.gupshup_sms_user:
        return None
    password = told(settings.gupshup_sms_password)
    return GupshupSms(
        settings.gupshup_sms_user, password, settings.gupshup_sms_mask, url=settings.gupshup_sms_url, **limits
    )


def _manychat(settings: Settings, limits: dict[str, Any]) -> Sender | None:
    if not settings.manychat_token:
        return None
    return ManyChat(told(settings.manychat_token), settings.manychat_tag, url=settings.manychat_url, **limits)


def _exotel(settings: Settings, limits: dict[str, Any]) -> Sender | None:
    if not settings.exotel_account or not settings.exotel_caller or not settings.exotel_flow:
        return None
    return Exotel(
        settings.exotel_account,
        told(settings.exotel_key),
        told(settings.exotel_token),
        settings.exotel_caller,
        settings.exotel_flow,
        url=settings.exotel_url,
        callbacks=callbacks_of(settings),
        **limits,
    )


def _postmark(settings: Settings, limits: dict[str, Any]) -> Sender | None:
    if not settings.postmark_from:
        return None
    token = told(settings.postmark_token)
    return Postmark(token, settings.postmark_from, stream=settings.postmark_stream, url=settings.postmark_url, **limits)


def _smtp(settings: Settings) -> Sender | None:
    if not settings.smtp_host or not settings.smtp_from:
        return None
    password = told(settings.smtp_password) or None
    server = Server(settings.smtp_host, settings.smtp_port, settings.smtp_security, settings.smtp_user, password)
    return Smtp(server, settings.smtp_from, seconds=settings.send_seconds)


def told(secret: SecretStr | None) -> str:
    """A secret's value, empty where there is none."""
    return secret.get_secret_value() if secret else ""
