"""Settings of conversations: how phones and days are read, and who takes part beside the tenant."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints

from shared.settings import ServiceSettings


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"{name} is no time zone; a name like America/El_Salvador is") from error
    return name


class Settings(ServiceSettings):
    """The default zone serves tenants without a booking; a booking brings its property's own."""

    http_port: int = Field(8105, ge=0, le=65535, description="Port of the HTTP API.")
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = Field(
        "SV", description="ISO country of phone numbers without a prefix."
    )
    timezone: Annotated[str, AfterValidator(_known_zone)] = Field(
        "America/El_Salvador", description="IANA time zone that says which day it is."
    )
    manager: str | None = Field(None, description="The manager's phone or id in every thread.")
    assistant: str | None = Field(None, description="The assistant's id in every thread.")
