"""What staff may write, and the pauses between attempts at sending it."""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.contracts.common import Channel
from shared.errors import Refusal

WINDOW = timedelta(hours=24)
ON_THE_WAY = timedelta(minutes=1)
WITH_WINDOW = frozenset({Channel.WHATSAPP, Channel.MESSENGER, Channel.INSTAGRAM})
PAUSES = tuple(timedelta(seconds=seconds) for seconds in (1, 5, 30, 120, 600))


def refuse_late(channel: Channel, last_from_tenant: datetime | None, now: datetime) -> None:
    """Refuse free text where the channel allows it only for 24 hours after the tenant's last message."""
    if channel in WITH_WINDOW and (last_from_tenant is None or now - last_from_tenant > WINDOW - ON_THE_WAY):
        raise Refusal(
            "window_closed",
            f"{channel} lets us write freely for 24 hours after the tenant's last message: send a template instead",
            last_from_tenant=last_from_tenant.isoformat() if last_from_tenant else None,
        )


def refuse_long(text: str, longest: int) -> None:
    """Refuse a text that the provider would not take."""
    if len(text) > longest:
        raise Refusal("text_too_long", f"text: it has {len(text)} characters; send at most {longest}", longest=longest)
