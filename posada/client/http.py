"""Asks the services over HTTP; what they do not answer becomes a sentence."""

from __future__ import annotations

import os
from typing import Any, Final

import httpx

from posada.problems import Exit, Problem

TIMEOUT_S: Final = 10.0
LONG_S: Final = 600.0


class NotFound(Problem):
    """The service answers that it does not have what was asked for."""


def ask(base_url: str, path: str, **parameters: Any) -> Any:
    """The JSON that a service answers.

    Raises:
        NotFound: when it does not have what was asked for.
        Problem: when it does not answer, or refuses.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    return _asked(base_url, "GET", path, params=given)


def ask_patiently(base_url: str, path: str) -> Any:
    """The same where the answer takes its time: a service that goes through everything it has.

    Raises:
        Problem: when it does not answer, or refuses.
    """
    return _asked(base_url, "GET", path, LONG_S)


def tell(base_url: str, path: str, body: Any) -> Any:
    """The JSON that a service answers when it is sent some.

    Raises:
        NotFound: when it does not have what was asked for.
        Problem: when it does not answer, or refuses.
    """
    return _asked(base_url, "POST", path, json=body)


def exchange(base_url: str, method: str, path: str, content: bytes | None = None, **parameters: Any) -> bytes:
    """What a service answers to a file, or as one; it may take its time.

    Raises:
        Problem: when it does not answer, or refuses.
    """
    given = {name: value for name, value in parameters.items() if value is not None}
    try:
        answer = _sent(base_url, method, path, LONG_S, params=given, content=content)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _silent(base_url) from error
    if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
        raise Problem(f"{_said(answer)}.", Exit.USAGE)
    if not answer.is_success:
        raise _refused(base_url, answer)
    return answer.content


def _asked(base_url: str, method: str, path: str, seconds: float = TIMEOUT_S, **given: Any) -> Any:
    try:
        answer = _sent(base_url, method, path, seconds, **given)
        if answer.is_success:
            return answer.json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        raise _silent(base_url) from error
    raise _refused(base_url, answer)


def _sent(base_url: str, method: str, path: str, seconds: float, **given: Any) -> httpx.Response:
    token = os.environ.get("POSADA_API_TOKEN")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    # A service is asked directly: the environment's proxy is for the world outside.
    with httpx.Client(base_url=base_url, timeout=seconds, trust_env=False, headers=headers) as client:
        return client.request(method, path, **given)


def _silent(base_url: str) -> Problem:
    return Problem(f"{base_url} does not answer: see with `posada up` that the service runs.")


def _refused(base_url: str, answer: httpx.Response) -> Problem:
    said = _said(answer)
    if answer.status_code == httpx.codes.NOT_FOUND:
        return NotFound(f"{said}; see that the id is right.", Exit.NO)
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        return Problem("The service asks for a token: set POSADA_API_TOKEN.")
    if answer.status_code == httpx.codes.CONFLICT:
        return Problem(f"The service refuses: {said}.", Exit.NO)
    if answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY:
        return Problem(f"{said}; correct it and try again.", Exit.USAGE)
    if answer.status_code == httpx.codes.FORBIDDEN:
        return Problem(f"The service refuses: {said}.", Exit.NO)
    return Problem(f"{base_url} answers {answer.status_code}: {said}; see the service's log.")


def _said(answer: httpx.Response) -> str:
    try:
        body = answer.json()
        detail = body.get("detail")
        if isinstance(detail, list):  # of what FastAPI finds wrong with a request
            return "; ".join(f"{problem['loc'][-1]}: {problem['msg']}" for problem in detail)
        return str(detail or body["error"]["text"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return answer.reason_phrase
