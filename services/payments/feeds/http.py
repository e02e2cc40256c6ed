"""A feed over HTTP: pages of transfers behind a cursor that the provider names."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
from pydantic import ValidationError

from services.payments.feeds.lines import BrokenLine, Line
from services.payments.feeds.port import FeedDown, Page
from shared.contracts.payments import TransferArrived
from shared.outbound.client import json_in

MOST_PAGES = 1000
_REMEDY = "ask the provider to correct it; the fields are those of posada.payments.transfer-arrived.v1"


class HttpFeed:
    """GET `url`?limit=…&after=CURSOR answers {"transfers": […], "next": CURSOR or null, "more": true}.

    A transfer has the fields of TransferArrived; `source` is ours. Without `more` a page is the last one when it is
    empty or names no other cursor.
    """

    def __init__(self, name: str, client: httpx.AsyncClient, url: str, token: str | None, *, limit: int = 200) -> None:
        self._name = name
        self._client = client
        self._url = url
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._limit = limit

    @property
    def name(self) -> str:
        """What its cursor is kept under, and the source of its transfers."""
        return self._name

    async def pages(self, cursor: str | None) -> AsyncIterator[Page]:
        """What is new behind the cursor, page by page."""
        for _ in range(MOST_PAGES):
            body = await self._get(cursor)
            lines = [self._line(place, one) for place, one in enumerate(body["transfers"], 1)]
            following = body.get("next") or cursor
            yield Page(lines, cursor=following, file=f"behind {cursor or 'the beginning'}")
            more = body.get("more", bool(lines))
            if not more or following == cursor:
                return
            cursor = following

    async def _get(self, cursor: str | None) -> dict[str, Any]:
        asked: dict[str, Any] = {"limit": self._limit} | ({"after": cursor} if cursor else {})
        try:
            answer = await self._client.get(self._url, params=asked, headers=self._headers)
            answer.raise_for_status()
            body = json_in(answer)
        except httpx.HTTPStatusError as wrong:
            raise FeedDown(f"{self._name} answers {wrong.response.status_code}") from wrong
        except (httpx.HTTPError, ValueError) as wrong:
            raise FeedDown(f"{self._name} does not answer: {type(wrong).__name__}") from wrong
        following = body.get("next") if isinstance(body, dict) else None
        if not isinstance(body, dict) or not isinstance(body.get("transfers"), list):
            raise FeedDown(f"{self._name} answers without a list of transfers")
        if following is not None and not isinstance(following, str):
            raise FeedDown(f"{self._name} names a cursor that is no text")
        return body

    def _line(self, place: int, given: Any) -> Line:
        try:
            return TransferArrived.model_validate({**given, "source": self._name})
        except ValidationError as wrong:
            first = wrong.errors(include_url=False)[0]
            field = str(first["loc"][0]) if first["loc"] else "line"
            return BrokenLine(place, field, first["msg"], _REMEDY, repr(given)[:10_000])
        except TypeError:
            return BrokenLine(place, "line", "is no object", _REMEDY, repr(given)[:10_000])
