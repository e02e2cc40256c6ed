"""Where replies go for which no provider is configured: nowhere, but into their thread, for a developer to read."""

from __future__ import annotations

from services.conversations.providers.port import Reply


class LocalReplies:
    """Takes everything."""

    name = "local"
    longest = 10_000

    async def send(self, reply: Reply) -> str:
        """Take a reply."""
        return f"local-{reply.id}"

    async def close(self) -> None:
        """Nothing to close."""
