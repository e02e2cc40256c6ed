"""Booking's settings."""

from __future__ import annotations

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """What every service has; policies and switches are data of the property."""

    http_port: int = 8102
