"""Each provider's webhook as it is documented: whose call is genuine, and what it says."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.conversations.providers.manychat.webhook import ManyChatWebhook
from services.conversations.providers.twilio.webhook import TwilioWebhook
from services.conversations.providers.wati.webhook import WatiWebhook
from services.conversations.providers.webhook import Unreadable, Webhook
from shared.contracts.conversations import Attachment, Author, ChatMessage
from shared.providers.twilio import signature
from shared.providers.webhooks import NotGenuine, WebhookCall

URL = "https://posada.example/webhooks/x"
STAFF = {"+50370009999": Author.MANAGER, "bot": Author.ASSISTANT}
TWILIO, WATI, MANYCHAT = (
    TwilioWebhook("12345", STAFF),
    WatiWebhook("w-secret", "https://wati.example/7"),
    ManyChatWebhook("m"),
)

# The worked example of Twilio's page on webhook security, and the vectors of its own libraries' tests.
EXAMPLE = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+12349013030",
    "Digits": "1234",
    "From": "+12349013030",
    "To": "+18005551212",
}
EXAMPLE_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
EXAMPLE_SIGNATURE = "0/KCTR6DLpKmkAf8muzZqo1nDgQ="

ADDED = {
    "EventType": "onMessageAdded",
    "AccountSid": "AC1",
    "ConversationSid": "CH0123456789abcdef0123456789abcdef",
    "ChatServiceSid": "IS1",
    "MessageSid": "IM0123456789abcdef0123456789abcdef",
    "ParticipantSid": "MB1",
    "Author": "whatsapp:+50371234567",
    "Body": "¿Hay toallas?",
    "DateCreated": "2026-03-10T18:00:00.000Z",
    "Index": "0",
    "Source": "WHATSAPP",
    "Attributes": "{}",
}
# The sample payloads of WATI's reference for messages received and session messages sent.
RECEIVED = {
    "id": "1a2b3b4d5e6f7g8h9i10j",
    "created": "2022-10-14T05:53:01.3833674Z",
    "whatsappMessageId": "abcdefghi_jklmnop",
    "conversationId": "a1b2c3d4e5f6g7h8i9j10",
    "ticketId": "m1n2o3p4q5r6s7t8u9v10",
    "text": "Hello there",
    "type": "text",
    "data": None,
    "timestamp": "1665726781",
    "owner": False,
    "eventType": "message",
    "statusString": "SENT",
    "waId": "911234567890",
    "senderName": "Wati User",
}
SENT = RECEIVED | {"eventType": "sessionMessageSent", "owner": True, "operatorName": "Wati User", "senderName": None}
CONTACT_DATA = {
    "id": "1234567890",
    "name": "Ana",
    "last_input_text": "Hola",
    "last_interaction": "2026-03-10T12:00:00-06:00",
}


def form(fields: dict[str, str], **given: Any) -> WebhookCall:
    """A form as Twilio posts it, signed unless a signature is given."""
    url, token = given.get("url", URL), given.get("token", "12345")
    signed = given.get("signed", signature(token, url, fields.items()))
    return WebhookCall(url, {"x-twilio-signature": signed}, {}, urlencode(fields).encode())


def posted(fields: Any, *, token: str = "", query: str = "") -> WebhookCall:
    """A JSON body with a token in the header or in the address."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    body = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return WebhookCall(URL, headers, {"token": query} if query else {}, body)


class TestTwilio:
    def test_the_documented_example(self) -> None:
        assert signature("12345", EXAMPLE_URL, EXAMPLE.items()) == EXAMPLE_SIGNATURE
        TWILIO.check(form(EXAMPLE, url=EXAMPLE_URL, signed=EXAMPLE_SIGNATURE))

    def test_repeated_parameters_count_once_each_value(self) -> None:
        pairs = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"), ("Digits", "1234")]
        assert signature("12345", EXAMPLE_URL, pairs) == "IK+Dwps556ElfBT0I3Rgjkr1wJU="

    @pytest.mark.parametrize(
        "call",
        [
            form(EXAMPLE, url=EXAMPLE_URL, token="54321"),
            form(EXAMPLE | {"Digits": "9999"}, url=EXAMPLE_URL, signed=EXAMPLE_SIGNATURE),
            form(EXAMPLE, url=EXAMPLE_URL + "&more=1", signed=EXAMPLE_SIGNATURE),
            form(EXAMPLE, url=EXAMPLE_URL, signed=""),
            form(EXAMPLE, url=EXAMPLE_URL, signed="ñ"),
            form(EXAMPLE, url=EXAMPLE_URL, signed=EXAMPLE_SIGNATURE[:-1]),
        ],
        ids=["wrong secret", "altered body", "altered address", "none", "no ASCII", "cut"],
    )
    def test_whatever_else_is_not_genuine(self, call: WebhookCall) -> None:
        with pytest.raises(NotGenuine, match="POSADA_TWILIO_TOKEN"):
            TWILIO.check(call)

    @pytest.mark.parametrize(
        ("author", "role"),
        [
            ("+50370009999", Author.MANAGER),
            ("whatsapp:+50370009999", Author.MANAGER),
            ("bot", Author.ASSISTANT),
            ("somebody else", Author.MANAGER),
            ("whatsapp:+50371234567", Author.TENANT),
        ],
    )
    def test_staff_are_known_by_their_phones_too(self, author: str, role: Author) -> None:
        message = TWILIO.read(form(ADDED | {"Author": author}))
        assert message
        assert message.author is role
        assert (message.contact == ADDED["ConversationSid"]) is (role is not Author.TENANT)

    def test_a_message_of_the_tenant(self) -> None:
        message = TWILIO.read(form(ADDED))
        assert message
        assert (message.contact, message.channel, message.author) == ("+50371234567", "whatsapp", Author.TENANT)
        assert (message.text, message.sent_at) == ("¿Hay toallas?", datetime(2026, 3, 10, 18, tzinfo=UTC))
        assert message.provider_thread_id == ADDED["ConversationSid"]

    @pytest.mark.parametrize(
        ("author", "channel", "role", "contact"),
        [
            ("+50371234567", "sms", Author.TENANT, "+50371234567"),
            ("messenger:987", "messenger", Author.TENANT, "987"),
            ("bot", "whatsapp", Author.ASSISTANT, ADDED["ConversationSid"]),
            ("recepcion", "whatsapp", Author.MANAGER, ADDED["ConversationSid"]),
        ],
    )
    def test_who_wrote(self, author: str, channel: str, role: Author, contact: str) -> None:
        message = TWILIO.read(form(ADDED | {"Author": author}))
        assert message
        assert (message.channel, message.author, message.contact) == (channel, role, contact)

    def test_files_are_links_with_type_and_size(self) -> None:
        media = [{"Sid": "ME1", "Filename": "recibo.pdf", "ContentType": "application/pdf", "Size": 1223226}]
        message = TWILIO.read(form({**ADDED, "Body": "", "Media": json.dumps(media)}))
        assert message
        (file,) = message.attachments
        assert file.url == "https://mcs.us1.twilio.com/v1/Services/IS1/Media/ME1"
        assert (file.media_type, file.size, file.name) == ("application/pdf", 1223226, "recibo.pdf")

    def test_other_events_and_our_own_replies_are_passed_over(self) -> None:
        assert TWILIO.read(form(ADDED | {"EventType": "onDeliveryUpdated"})) is None
        assert TWILIO.read(form(ADDED | {"Attributes": '{"posada_reply": "7"}'})) is None

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"DateCreated": "soon"}, "DateCreated"),
            ({"MessageSid": ""}, "message_id"),
            ({"ConversationSid": ""}, "ConversationSid"),
            ({"Media": "[{}]"}, "Media"),
            ({"Media": "{"}, "Media"),
        ],
    )
    def test_what_does_not_fit_is_named(self, change: dict[str, str], field: str) -> None:
        with pytest.raises(Unreadable, match=field):
            TWILIO.read(form(ADDED | change))


class TestWati:
    def test_the_token_in_the_address_or_in_a_header(self) -> None:
        WATI.check(posted(RECEIVED, query="w-secret"))
        WATI.check(posted(RECEIVED, token="w-secret"))

    @pytest.mark.parametrize("call", [posted(RECEIVED), posted(RECEIVED, token="other"), posted(RECEIVED, query="ñ")])
    def test_a_wrong_secret(self, call: WebhookCall) -> None:
        with pytest.raises(NotGenuine):
            WATI.check(call)

    def test_the_documented_message(self) -> None:
        message = WATI.read(posted(RECEIVED))
        assert message
        assert (message.message_id, message.contact) == ("abcdefghi_jklmnop", "911234567890")
        assert (message.author, message.name, message.text) == (Author.TENANT, "Wati User", "Hello there")
        assert message.sent_at == datetime(2022, 10, 14, 5, 53, 1, tzinfo=UTC)

    def test_what_staff_answer_in_watis_inbox(self) -> None:
        message = WATI.read(posted(SENT))
        assert message
        assert (message.author, message.contact) == (Author.MANAGER, "911234567890")

    def test_our_own_replies_and_other_events_are_passed_over(self) -> None:
        assert WATI.read(posted(SENT | {"localMessageId": "posada-7"})) is None
        assert WATI.read(posted(RECEIVED | {"eventType": "sentMessageDELIVERED"})) is None
        assert WATI.read(posted(RECEIVED | {"owner": True})) is None

    def test_a_file_is_a_link(self) -> None:
        fields = RECEIVED | {"type": "image", "text": None, "data": "data/images/a b.jpg"}
        message = WATI.read(posted(fields))
        assert message
        assert message.attachments == (
            Attachment(
                url="https://wati.example/7/api/v1/getMedia?fileName=data%2Fimages%2Fa+b.jpg",
                media_type="image/jpeg",
                name="a b.jpg",
            ),
        )

    @pytest.mark.parametrize(
        ("data", "url"),
        [
            ("https://cdn.example/mi comprobante.jpg", "https://cdn.example/mi%20comprobante.jpg"),
            (" https://cdn.example/a.jpg\n", "https://cdn.example/a.jpg"),
            ("https://cdn.example/a\tb\u00a0c\x7f.jpg", "https://cdn.example/a%09b%C2%A0c%7F.jpg"),
            ("https://cdn.example/a%20b.jpg?sig=x+y", "https://cdn.example/a%20b.jpg?sig=x+y"),
            ("HTTPS://cdn.example/a b.jpg", "https://cdn.example/a%20b.jpg"),
            ("https://cdn.example/recibo ñandú.jpg", "https://cdn.example/recibo%20ñandú.jpg"),
        ],
    )
    def test_a_blank_in_a_file_s_address_loses_no_message(self, data: str, url: str) -> None:
        """Case wati-attachment-with-blank: a guest's slip, without a caption."""
        message = WATI.read(posted(RECEIVED | {"type": "image", "text": None, "data": data}))
        assert message
        assert (message.text, [file.url for file in message.attachments]) == ("", [url])
        written = message.model_dump(mode="json") | {"attachments": [{"url": data}]}
        assert ChatMessage.model_validate(written).attachments[0].url == url, "over Kafka and from ManyChat as well"

    @pytest.mark.parametrize("url", ["ftp://cdn.example/a b.jpg", "https:// ", "a b", "javascript:alert(1)", ""])
    def test_what_is_no_address_of_a_file_stays_none(self, url: str) -> None:
        with pytest.raises(ValidationError):
            Attachment(url=url)

    def test_a_chosen_button_is_its_words(self) -> None:
        fields = RECEIVED | {"type": "interactive", "text": None, "interactiveButtonReply": {"title": "Sí"}}
        message = WATI.read(posted(fields))
        assert message
        assert message.text == "Sí"


class TestManyChat:
    def test_full_contact_data(self) -> None:
        message = ManyChatWebhook("m").read(posted(CONTACT_DATA))
        assert (message.contact, message.channel, message.text) == ("1234567890", "messenger", "Hola")
        assert message.sent_at == datetime(2026, 3, 10, 18, tzinfo=UTC)

    def test_a_repetition_has_the_same_id_and_the_next_message_another(self) -> None:
        first, again = MANYCHAT.read(posted(CONTACT_DATA)), MANYCHAT.read(posted(CONTACT_DATA))
        later = MANYCHAT.read(posted(CONTACT_DATA | {"last_interaction": "2026-03-10T12:00:09-06:00"}))
        assert first.message_id == again.message_id != later.message_id

    def test_names_of_our_own(self) -> None:
        fields = {
            "subscriber_id": "fb_1",
            "channel": "Instagram",
            "text": "Hola",
            "sent_at": "2026-03-10T18:00:00Z",
            "message_id": "mid.1",
            "attachments": [{"url": "https://cdn.example/a.jpg", "media_type": "image/jpeg", "size": 9}],
        }
        message = MANYCHAT.read(posted(fields))
        assert (message.message_id, message.channel, message.attachments[0].size) == ("mid.1", "instagram", 9)

    @pytest.mark.parametrize("missing", ["id", "last_interaction"])
    def test_what_is_missing_is_named(self, missing: str) -> None:
        with pytest.raises(Unreadable, match=r"contact|sent_at"):
            MANYCHAT.read(posted({name: value for name, value in CONTACT_DATA.items() if name != missing}))

    def test_a_wrong_secret(self) -> None:
        MANYCHAT.check(posted(CONTACT_DATA, token="m"))
        with pytest.raises(NotGenuine):
            MANYCHAT.check(posted(CONTACT_DATA, token="n"))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=2)
)
KEYS = sorted({*ADDED, *RECEIVED, *CONTACT_DATA, "Media", "listReply", "attachments", "channel", "subscriber_id"})


@given(
    st.sampled_from([TWILIO, WATI, MANYCHAT]),
    st.dictionaries(st.sampled_from(KEYS), values).map(lambda fields: json.dumps(RECEIVED | fields).encode())
    | st.dictionaries(st.sampled_from(KEYS), st.text()).map(
        lambda fields: urlencode(ADDED | fields, errors="replace").encode()
    )
    | st.binary(),
)
def test_whatever_comes_is_a_message_or_nothing_or_unreadable(hook: Webhook, body: bytes) -> None:
    try:
        message = hook.read(posted(body))
    except Unreadable:
        return
    assert message is None or ChatMessage.model_validate_json(message.model_dump_json()) == message
