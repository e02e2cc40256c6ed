"""What the command line says of a service's answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from posada.client.http import ask
from posada.problems import Exit, Problem


@contextmanager
def answering(status: int, body: bytes) -> Iterator[str]:
    """A service that answers this, whatever it is asked; gives its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_what_is_wrong_with_a_parameter_is_one_sentence() -> None:
    body = b'{"detail": [{"loc": ["query", "booking_id"], "msg": "Input should be a valid UUID", "type": "uuid"}]}'
    with answering(422, body) as url, pytest.raises(Problem) as caught:
        ask(url, "/outbox", booking_id="x")
    assert caught.value.text == "booking_id: Input should be a valid UUID; correct it and try again."
    assert caught.value.code == Exit.USAGE
