"""The image's health check: exits 0 when the service in this container is ready, else 1 with the reason."""

import json
import os
import sys
import urllib.error
import urllib.request
from typing import Final

TIMEOUT_S: Final = 3.0


def trouble(port: int) -> str | None:
    """Why the service on this port of the loopback address is not ready; None when it is."""
    # What the environment says of proxies is for the outside.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"http://127.0.0.1:{port}/health/ready", timeout=TIMEOUT_S):
            return None
    except urllib.error.HTTPError as refused:
        return _reason(refused.read()) or f"it answers {refused.code}"
    except OSError as fault:
        return f"it does not answer: {fault}"


def _reason(body: bytes) -> str | None:
    try:
        return str(json.loads(body)["reason"])
    except (ValueError, KeyError, TypeError):
        return None


def main() -> None:
    """Look, and say what is wrong."""
    reason = trouble(int(os.environ.get("POSADA_HTTP_PORT", "8080")))
    if reason:
        sys.exit(reason)


if __name__ == "__main__":
    main()
