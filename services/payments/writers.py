"""Who may write over HTTP: whoever shows the service's token, and nobody while there is none."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import HTTPException, status

from shared.settings import ServiceSettings


def writers(settings: ServiceSettings) -> Callable[[], None]:
    """A dependency of endpoints that move money; the router's own has compared the token, where there is one."""

    def check() -> None:
        if settings.api_token is None:
            raise HTTPException(
                status.HTTP_403_FORBIDDEN, "nobody may decide about money without a token: set POSADA_API_TOKEN"
            )

    return check
