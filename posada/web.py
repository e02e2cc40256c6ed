"""Asks the services over HTTP; what they do not answer becomes a sentence."""

from __future__ import annotations

import os
from typing import Any, Final

import httpx

from posada.problems import Exit, Problem

TIMEOUT_S: Final = 10.0


class NotFound(Problem):
    """The service answers, and has no such thing."""


def ask(base_url: str, path: str, **parameters: Any) -> Any:
    """The JSON that a service answers.

    Raises:
        NotFound: when it knows no such thing.
        Problem: when it does not answer, or refuses.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    return _asked(base_url, "GET", path, params=given)


def tell_service(base_url: str, path: str, body: Any) -> Any:
    """The JSON that a service answers to a body.

    Raises:
        NotFound: when it knows no such thing.
        Problem: when it does not answer, or refuses.
    """
    return _asked(base_url, "POST", path, json=body)


def _asked(base_url: str, method: str, path: str, **request: Any) -> Any:
    token = os.environ.get("POSADA_API_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        # A service is asked directly: the environment's proxy is for the world outside.
        with httpx.Client(base_url=base_url, timeout=TIMEOUT_S, trust_env=False, headers=headers) as client:
            answer = client.request(method, path, **request)
            if answer.is_success:
                return answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise Problem(f"{base_url} does not answer: see with `posada up` that the service runs.") from error
    raise _refused(base_url, answer)


def _refused(base_url: str, answer: httpx.Response) -> Problem:
    said = _said(answer)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return NotFound(f"{said}; see that the id is right.", Exit.NO)
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return Problem("The service asks for a token: set POSADA_API_TOKEN.")
    return Problem(f"{base_url} answers {answer.status_code}: {said}; see the service's log.")


def _said(answer: httpx.Response) -> str:
    try:
        body = answer.json()
        return str(body.get("detail") or body["error"]["text"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return answer.reason_phrase
