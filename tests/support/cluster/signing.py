"""Signs what a test publishes as what it stands for: one of our programs, the bank, or a chat gateway."""

from __future__ import annotations

from typing import Any

from posada.cluster.secrets import ClusterSecrets
from shared.contracts.topics import ALL_TOPICS
from shared.kafka.topics import Writers
from shared.messages.message import Headers, message_types
from shared.messages.record_auth import NotVerified

WRITERS = {topic.name: topic.writers for topic in ALL_TOPICS}


def signed_headers(
    secrets: ClusterSecrets, topic: str, key: bytes | None, value: bytes | None, headers: Any
) -> Headers:
    """The headers as whoever may write to the topic would send them; a gateway signs what it must."""
    given = list(headers)
    writers = WRITERS.get(topic, Writers.SERVICES)
    if writers is Writers.SERVICES:
        return secrets.seal().sealed(topic, key, value, given)
    kind = message_types().get(dict(given).get("ce_type", b"").decode("utf-8", "replace"))
    try:
        if writers is Writers.SOURCES:
            return secrets.source().signed(topic, value, given)
        if kind is not None and kind.is_signed and "ce_source" not in dict(given):
            return secrets.gateway().signed(topic, value, given)
    except NotVerified:  # headers that nobody could sign
        pass
    return given
