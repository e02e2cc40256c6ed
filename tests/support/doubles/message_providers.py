"""HTTP servers that check what they are sent as each provider would, keep it, and answer in the provider's form."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def basic(self) -> str:
        return b64decode(self.headers.get("authorization", "Basic ").removeprefix("Basic ")).decode()


def told(status: int, body: Any, **headers: str) -> Answer:
    """An answer with a JSON body, or with the bytes given."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return status, headers, raw


@dataclass
class Double:
    """A server for one provider. `instead` answers in place of the provider; None of its answer hangs up."""

    handle: Callable[[Asked], Answer]
    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    accepted: list[Asked] = field(default_factory=list)
    instead: Callable[[Asked], Answer | None] | None = None
    seconds: float = 0.0

    def answer(self, asked: Asked) -> Answer | None:
        self.asked.append(asked)
        if self.instead:
            return self.instead(asked)
        status, headers, body = self.handle(asked)
        if status < 300 and asked.method == "POST":
            self.accepted.append(asked)
        return status, headers, body


async def _serve(double: Double, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            method, target, _ = first.split(" ")
            address = urlsplit(target)
            query = dict(parse_qsl(address.query, keep_blank_values=True))
            asked = Asked(method, unquote(address.path), query, headers, body)
            if double.seconds:
                await asyncio.sleep(double.seconds)
            answer = double.answer(asked)
            if answer is None:
                break
            status, more, said = answer
            extra = "".join(f"{name}: {value}\r\n" for name, value in more.items())
            writer.write(f"HTTP/1.1 {status} X\r\n{extra}Content-Length: {len(said)}\r\n\r\n".encode() + said)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


@asynccontextmanager
async def serving(handle: Callable[[Asked], Answer]) -> AsyncIterator[Double]:
    """A provider's server, on this machine."""
    double = Double(handle)
    server = await asyncio.start_server(lambda r, w: _serve(double, r, w), "127.0.0.1", 0)
    double.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield double
    server.close()


class TwilioServer:
    """Programmable Messaging of account AC1 with token `secret`."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.window_open = True

    def __call__(self, asked: Asked) -> Answer:
        if asked.basic != "AC1:secret":
            return told(401, {"code": 20003, "message": "Authenticate", "status": 401})
        if asked.path != "/2010-04-01/Accounts/AC1/Messages.json":
            return told(404, {"code": 20404, "status": 404})
        if asked.method == "GET":
            found = [one for one in self.messages if one["to"] == asked.query["To"]]
            return told(200, {"messages": found, "page": 0})
        return self._take(asked.form)

    def _take(self, form: dict[str, str]) -> Answer:  # noqa: PLR0911 — one for each thing that Twilio refuses
        to, sender = form.get("To", ""), form.get("From") or form.get("MessagingServiceSid", "")
        whatsapp = to.startswith("whatsapp:+")
        if (
            not to.removeprefix("whatsapp:").startswith("+")
            or not to.removeprefix("whatsapp:").removeprefix("+").isdigit()
        ):
            return told(400, {"code": 21211, "message": "The 'To' number is not a valid phone number.", "status": 400})
        if not sender or (whatsapp and not sender.startswith(("whatsapp:+", "MG"))):
            return told(400, {"code": 21212, "status": 400})
        if "ContentSid" in form:
            if not form["ContentSid"].startswith("HX") or list(json.loads(form["ContentVariables"])) != ["1", "2"]:
                return told(400, {"code": 21656, "status": 400})
            body = " · ".join(json.loads(form["ContentVariables"]).values())
        else:
            if not form.get("Body"):
                return told(400, {"code": 21602, "message": "Message body is required.", "status": 400})
            if len(form["Body"]) > 1600 and not whatsapp:
                return told(400, {"code": 21617, "status": 400})
            if whatsapp and not self.window_open:
                return told(400, {"code": 63016, "status": 400})
            body = form["Body"]
        message = {"sid": f"SM{uuid4().hex}", "status": "queued", "error_code": None, "to": to, "body": body}
        self.messages.append(message)
        return told(201, message)


def gupshup_whatsapp(asked: Asked) -> Answer:
    """Gupshup's WhatsApp API for the key `secret` and the app DemoApp."""
    if asked.headers.get("apikey") != "secret":
        return told(401, {"status": "error", "message": "Authentication Failed"})
    form = asked.form
    if form.get("channel") != "whatsapp" or form.get("src.name") != "DemoApp" or form.get("source") != "50322223333":
        return told(400, {"status": "error", "message": "Invalid App Details"})
    if not form.get("destination", "").isdigit():
        return told(400, {"status": "error", "message": "Invalid Destination"})
    if asked.path == "/wa/api/v1/msg":
        message = json.loads(form["message"])
        fits = message.get("type") == "text" and message.get("text")
    elif asked.path == "/wa/api/v1/template/msg":
        template = json.loads(form["template"])
        fits = template.get("id") and all(isinstance(value, str) for value in template["params"])
    else:
        return told(404, {"status": "error", "message": "Not found"})
    if not fits:
        return told(400, {"status": "error", "message": "Invalid message"})
    return told(202, {"status": "submitted", "messageId": str(uuid4())})


def gupshup_sms(asked: Asked) -> Answer:
    """Gupshup's SMS gateway for user 2000 with password `secret`: every answer has status 200."""
    form = asked.form
    fixed = {"method": "SendMessage", "auth_scheme": "plain", "v": "1.1", "format": "text"}
    if asked.path != "/GatewayAPI/rest" or any(form.get(name) != value for name, value in fixed.items()):
        return told(200, b"error | 106 | The method is not supported.")
    if (form.get("userid"), form.get("password")) != ("2000", "secret"):
        return told(200, b"error | 102 | Authentication failed due to invalid userId or password")
    if not form.get("send_to", "").isdigit() or len(form["send_to"]) < 10:
        return told(200, b"error | 105 | The phone number is not a valid phone number.")
    if form["msg_type"] != ("TEXT" if form["msg"].isascii() else "Unicode_text"):
        return told(200, b"error | 110 | The message type does not fit the message.")
    return told(200, f"success | {form['send_to']} | 728014710863298817-{uuid4().int % 10**12}".encode())


def manychat(asked: Asked) -> Answer:
    """ManyChat's API with the token 1:secret; it knows the subscribers 42 and fb_1."""
    if asked.headers.get("authorization") != "Bearer 1:secret":
        return told(401, {"status": "error", "message": "Wrong token"})
    if asked.path != "/fb/sending/sendContent" or asked.headers.get("content-type") != "application/json":
        return told(404, {"status": "error", "message": "Not found"})
    content = asked.json["data"]["content"]
    if asked.json["data"]["version"] != "v2" or content.get("type") not in (None, "instagram"):
        return told(400, {"status": "error", "message": "Validation error", "code": 2010})
    longest = 1000 if content.get("type") else 2000
    texts = content["messages"]
    if not 0 < len(texts) <= 10 or any(one["type"] != "text" or not 0 < len(one["text"]) <= longest for one in texts):
        return told(400, {"status": "error", "message": "Validation error", "code": 2010})
    if asked.json["subscriber_id"] not in (42, "fb_1"):
        return told(400, {"status": "error", "message": "Validation error", "code": 2011})
    return told(200, {"status": "success"})


def exotel(asked: Asked) -> Answer:
    """Exotel's voice API of account posada1 with key and token."""
    if asked.basic != "key:token":
        return told(401, {"RestException": {"Status": 401, "Message": "Unauthorized"}})
    if asked.path != "/v1/Accounts/posada1/Calls/connect.json":
        return told(404, {"RestException": {"Status": 404, "Message": "Not found"}})
    form = asked.form
    if not form.get("From", "").startswith("+") or form.get("CallerId") != "0804568":
        return told(400, {"RestException": {"Status": 400, "Message": "Bad or missing parameters"}})
    if form.get("Url") != "http://my.exotel.com/posada1/exoml/start_voice/77" or form.get("CallType") != "trans":
        return told(400, {"RestException": {"Status": 400, "Message": "Bad or missing parameters"}})
    return told(200, {"Call": {"Sid": uuid4().hex, "Status": "in-progress", "To": form["From"]}})


class PostmarkServer:
    """Postmark's API of the server whose token is `secret`."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    def __call__(self, asked: Asked) -> Answer:
        if asked.headers.get("x-postmark-server-token") != "secret":
            return told(401, {"ErrorCode": 10, "Message": "Bad or missing API token"})
        if asked.method == "GET" and asked.path == "/messages/outbound":
            found = [one for one in self.messages if one["reference"] == asked.query["metadata_reference"]]
            return told(200, {"TotalCount": len(found), "Messages": found[: int(asked.query["count"])]})
        if asked.path != "/email" or asked.headers.get("accept") != "application/json":
            return told(404, {"ErrorCode": 404, "Message": "Not found"})
        body = asked.json
        if (
            "@" not in body.get("To", "")
            or not body.get("Subject")
            or not (body.get("TextBody") or body.get("HtmlBody"))
        ):
            return told(422, {"ErrorCode": 300, "Message": "Invalid email request"})
        if body["To"].startswith("gone@"):
            return told(422, {"ErrorCode": 406, "Message": "Inactive recipient"})
        for attachment in body.get("Attachments", ()):
            b64decode(attachment["Content"], validate=True)
        message = {"MessageID": str(uuid4()), "Status": "Sent", "reference": body["Metadata"]["reference"]}
        self.messages.append(message)
        return told(200, {"To": body["To"], "MessageID": message["MessageID"], "ErrorCode": 0, "Message": "OK"})


class WatiServer:
    """WATI's API of a tenant with the token `secret`."""

    def __init__(self) -> None:
        self.messages: dict[str, dict[str, Any]] = {}
        self.window_open = True

    def __call__(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != "Bearer secret":
            return told(401, b"")
        if asked.path.startswith("/api/v1/whatsapp/messages/"):
            found = self.messages.get(asked.path.rpartition("/")[2])
            return told(200, {"result": True, "message": found}) if found else told(404, {"result": False})
        if asked.path.startswith("/api/v1/sendSessionMessage/"):
            return self._session(asked)
        if asked.path == "/api/v2/sendTemplateMessage":
            return self._template(asked)
        return told(404, b"")

    def _session(self, asked: Asked) -> Answer:
        if not asked.path.rpartition("/")[2].isdigit() or not asked.query.get("messageText"):
            return told(200, {"result": False, "info": "Invalid Contact"})
        if not self.window_open:
            return told(200, {"result": False, "message": "Ticket has been expired."})
        identity = asked.query["localMessageId"]
        self.messages[identity] = {"localMessageId": identity, "text": asked.query["messageText"]}
        return told(200, {"result": "success", "message": self.messages[identity]})

    def _template(self, asked: Asked) -> Answer:
        body, number = asked.json, asked.query["whatsappNumber"]
        if not body["template_name"] or not body["broadcast_name"]:
            return told(200, {"result": False, "error": "template_name is required"})
        if any(set(one) != {"name", "value"} or "\n" in one["value"] for one in body["parameters"]):
            return told(400, {"result": False})
        receiver = {"localMessageId": str(uuid4()), "waId": number, "isValidWhatsAppNumber": len(number) > 9}
        return told(200, {"result": True, "error": None, "receivers": [receiver], "parameters": body["parameters"]})
