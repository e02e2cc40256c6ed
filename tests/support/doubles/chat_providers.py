"""Doubles of chat providers: HTTP servers that check what they are asked as the provider would, and keep it."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

ACCOUNT, SECRET = "AC0", "s3cret"


@dataclass
class Mishap:
    """What goes wrong with the next request to a path that ends so: `done` says that it was done all the same."""

    path: str
    status: int = 500
    done: bool = False


@dataclass
class Double:
    """A provider: `mishaps` come once each, `asked` has every request in its order."""

    url: str = ""
    mishaps: list[Mishap] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def app(self) -> FastAPI:
        app = FastAPI()

        @app.api_route("/{path:path}", methods=["GET", "POST", "DELETE"])
        async def take(request: Request, path: str) -> Response:
            self.asked.append(f"{request.method} {path}")
            mishap = next((one for one in self.mishaps if path.endswith(one.path)), None)
            if mishap:
                self.mishaps.remove(mishap)
                if not mishap.done:
                    return Response("<html>oops</html>", mishap.status)
            answer = await self.answer(request, path)
            return Response("<html>oops</html>", mishap.status) if mishap else answer

        return app

    async def answer(self, request: Request, path: str) -> Response:
        raise NotImplementedError


@dataclass
class TwilioDouble(Double):
    """Twilio Conversations: names and chat identities are unique, a tenant and an address of ours meet only once."""

    conversations: dict[str, dict[str, Any]] = field(default_factory=dict)
    participants: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    messages: dict[str, list[dict[str, str]]] = field(default_factory=dict)

    def begun(self, address: str, ours: str) -> str:
        """A conversation that Twilio began by itself, when somebody wrote to an address of ours."""
        sid = self._new("Chat", None)
        self.participants[sid].append({"sid": "MB" + uuid4().hex, "address": address, "proxy": ours})
        return sid

    def who(self, sid: str) -> set[str]:
        """Everybody in a conversation."""
        return {one.get("identity") or one["address"] for one in self.participants[sid]}

    async def answer(self, request: Request, path: str) -> Response:
        wanted = "Basic " + base64.b64encode(f"{ACCOUNT}:{SECRET}".encode()).decode()
        if request.headers.get("authorization") != wanted:
            return _error(401, 20003, "Authenticate")
        parts = path.removeprefix("v1/").split("/")
        given = dict(request.query_params) | dict(parse_qsl((await request.body()).decode()))
        answers = {
            ("POST", "Conversations", 1): self._create,
            ("GET", "Conversations", 2): self._show,
            ("POST", "Conversations", 2): self._rename,
            ("GET", "ParticipantConversations", 1): self._conversations_of,
            ("POST", "Participants", 3): self._add,
            ("DELETE", "Participants", 4): self._remove,
            ("GET", "Messages", 3): self._list,
            ("POST", "Messages", 3): self._write,
        }
        names = {parts[0]: len(parts)} | ({parts[2]: len(parts)} if len(parts) > 2 else {})
        found = next((answers.get((request.method, name, many)) for name, many in reversed(names.items())), None)
        sid = parts[1] if len(parts) > 1 else ""
        if found is None or (sid and not self._find(sid)):
            return _error(404, 20404, "The requested resource was not found")
        return found(sid, given | {"participant": parts[-1]})

    def _new(self, name: str, unique: str | None) -> str:
        sid = "CH" + uuid4().hex
        self.conversations[sid] = {"sid": sid, "friendly_name": name, "unique_name": unique}
        self.participants[sid], self.messages[sid] = [], []
        return sid

    def _find(self, name: str) -> dict[str, Any] | None:
        return next((one for one in self.conversations.values() if name in (one["sid"], one["unique_name"])), None)

    def _create(self, _: str, fields: dict[str, str]) -> Response:
        if self._find(fields["UniqueName"]):
            return _error(409, 50353, "Conversation with provided unique name already exists")
        return JSONResponse(self.conversations[self._new(fields["FriendlyName"], fields["UniqueName"])], 201)

    def _show(self, name: str, _: dict[str, str]) -> Response:
        return JSONResponse(self._find(name))

    def _rename(self, sid: str, fields: dict[str, str]) -> Response:
        self.conversations[sid]["friendly_name"] = fields["FriendlyName"]
        return JSONResponse(self.conversations[sid])

    def _remove(self, sid: str, fields: dict[str, str]) -> Response:
        self.participants[sid] = [one for one in self.participants[sid] if one["sid"] != fields["participant"]]
        return Response(status_code=204)

    def _list(self, sid: str, fields: dict[str, str]) -> Response:
        assert fields["Order"] == "desc"
        return JSONResponse({"messages": self.messages[sid][::-1]})

    def _add(self, sid: str, fields: dict[str, str]) -> Response:
        if identity := fields.get("Identity"):
            if identity in self.who(sid):
                return _error(409, 50433, "Participant already exists")
            self.participants[sid].append({"sid": "MB" + uuid4().hex, "identity": identity})
            return JSONResponse({"sid": self.participants[sid][-1]["sid"]}, 201)
        pair = (fields["MessagingBinding.Address"], fields["MessagingBinding.ProxyAddress"])
        assert all(one.removeprefix("whatsapp:").startswith("+") for one in pair), pair
        for other, several in self.participants.items():
            if pair in [(one.get("address"), one.get("proxy")) for one in several]:
                text = f"A binding for this participant and proxy address already exists in Conversation {other}"
                return _error(409, 50416, text)
        self.participants[sid].append({"sid": "MB" + uuid4().hex, "address": pair[0], "proxy": pair[1]})
        return JSONResponse({"sid": self.participants[sid][-1]["sid"]}, 201)

    def _conversations_of(self, _: str, fields: dict[str, str]) -> Response:
        found = [
            {"conversation_sid": sid, "participant_sid": one["sid"]}
            for sid, several in self.participants.items()
            for one in several
            if one.get("address") == fields["Address"]
        ]
        return JSONResponse({"conversations": found})

    def _write(self, sid: str, fields: dict[str, str]) -> Response:
        json.loads(fields["Attributes"])
        message = {
            "sid": "IM" + uuid4().hex,
            "author": fields["Author"],
            "body": fields["Body"],
            "attributes": fields["Attributes"],
        }
        self.messages[sid].append(message)
        return JSONResponse(message, 201)


@dataclass
class WatiDouble(Double):
    """WATI's session messages; `window` closed, it refuses with status 200."""

    window: bool = True
    sent: list[dict[str, str]] = field(default_factory=list)

    async def answer(self, request: Request, path: str) -> Response:
        if request.headers.get("authorization") != "Bearer w-token":
            return Response(status_code=401)
        head, _, number = path.rpartition("/")
        if (request.method, head) != ("POST", "tenant-7/api/v1/sendSessionMessage") or not number.isdigit():
            return Response(status_code=404)
        if not self.window:
            return JSONResponse({"result": False, "info": "Ticket has been expired."})
        query = request.query_params
        self.sent.append({"number": number, "text": query["messageText"], "reference": query["localMessageId"]})
        return JSONResponse({"result": True, "message": {"whatsappMessageId": f"wamid.{len(self.sent)}"}})


@dataclass
class ManyChatDouble(Double):
    """ManyChat's sendContent."""

    sent: list[tuple[object, str | None, str]] = field(default_factory=list)

    async def answer(self, request: Request, path: str) -> Response:
        if request.headers.get("authorization") != "Bearer m-token":
            return JSONResponse({"status": "error", "message": "Wrong token"}, 401)
        body = await request.json()
        content = body["data"]["content"]
        if path != "fb/sending/sendContent" or body["data"]["version"] != "v2":
            return JSONResponse({"status": "error", "message": "Validation error"}, 400)
        (message,) = content["messages"]
        assert message["type"] == "text"
        self.sent.append((body["subscriber_id"], content.get("type"), message["text"]))
        return JSONResponse({"status": "success"})


def _error(status: int, code: int, message: str) -> Response:
    return JSONResponse({"code": code, "message": message, "status": status}, status)


@asynccontextmanager
async def serving(double: Double) -> AsyncIterator[None]:
    """Serve a double on a port of its own; its `url` is known inside."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    double.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(double.app(), log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
