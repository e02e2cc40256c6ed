"""Settings of conversations: how phones are read, and who takes part beside the tenant."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from shared.settings import ServiceSettings


class Settings(ServiceSettings):
    """Days need no setting: every booking brings its property's time zone."""

    http_port: int = Field(8105, ge=0, le=65535, description="Port of the HTTP API.")
    region: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] = Field(
        "SV", description="ISO country of phone numbers without a prefix."
    )
    manager: str | None = Field(None, description="The manager's phone or id in every thread.")
    assistant: str | None = Field(None, description="The assistant's id in every thread.")
