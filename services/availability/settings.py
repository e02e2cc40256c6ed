"""Availability's settings."""

from __future__ import annotations

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """What every service has; holds, taxes and rates are data of the property."""

    http_port: int = 8101
