"""What one service's documents ask for does not stop another that reads the same environment."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from posada.problems import problem_of
from services.conversations.settings import Settings as Conversations
from services.notifications.settings import Settings as Notifications

SECRET = "a secret of thirty-two characters"  # noqa: S105


@pytest.mark.parametrize(
    "given",
    [
        {"twilio_token": SECRET},
        {"twilio_token": SECRET, "twilio_account": "AC1"},
        {"public_url": "https://posada.example"},
        {"public_url": "https://posada.example", "twilio_token": SECRET},
    ],
)
def test_what_conversations_webhooks_need_starts_both(given: dict[str, Any]) -> None:
    """Case twilio-token-alone; the public address alone is of the same kind."""
    Conversations(**given)
    Notifications(**given)


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"twilio_account": "AC1"}, "POSADA_TWILIO_TOKEN"),
        ({"twilio_token": SECRET, "twilio_whatsapp_from": "+50370000000"}, "POSADA_TWILIO_ACCOUNT"),
        ({"twilio_sms_from": "+50370000000"}, "POSADA_TWILIO_ACCOUNT"),
        ({"callback_secret": SECRET}, "POSADA_PUBLIC_URL"),
    ],
)
def test_what_is_lacking_is_named_in_a_sentence(given: dict[str, Any], missing: str) -> None:
    with pytest.raises(ValidationError) as wrong:
        Notifications(**given)
    said = problem_of(wrong.value).text
    assert missing in said
    assert "POSADA_VALUE" not in said
    assert "Value error" not in said
