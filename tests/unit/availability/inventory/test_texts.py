"""Why there is no quote, or a room is not available: in words for every reason that availability gives."""

from __future__ import annotations

import re

import pytest

from services.availability.inventory import TEXTS
from shared.contracts.common import Language, RefusalDetails
from tests.support.paths import ROOT

SOURCES = sorted((ROOT / "services/availability").rglob("*.py"))
RAISED = {name.lower() for file in SOURCES for name in re.findall(r"Reason\.([A-Z_]+)", file.read_text("utf-8"))}
# What is wrong with the request stands in the fields that it names.
BY_FIELDS = "invalid_request"
NEVER_OF_A_QUOTE = {"not_enough_rooms", "room_failed"}  # a quote holds and orders no rooms
NEVER_OF_A_ROOM = {"unknown_property"}  # it refuses the whole request
ORDINARY = {Language.ENGLISH: "We could not make a quote", Language.SPANISH: "No pudimos cotizar"}
languages = pytest.mark.parametrize("language", Language)


def no_quote(reason: str, language: Language, **details: str) -> str:
    return TEXTS.no_quote(RefusalDetails(reason=reason, text="internal words", details=details), language).strip()


@languages
@pytest.mark.parametrize("reason", sorted(RAISED - NEVER_OF_A_QUOTE))
def test_every_reason_against_a_quote_is_worded(reason: str, language: Language) -> None:
    assert no_quote(reason, language).startswith(ORDINARY[language]) == (reason == BY_FIELDS)


@languages
def test_a_quote_without_a_reason_that_is_known_names_the_fields_that_there_are(language: Language) -> None:
    assert no_quote("something_new", language) == ORDINARY[language] + "."
    unnamed = TEXTS.no_count(RefusalDetails(reason="something_new", text="internal words"), language)
    assert unnamed.strip().endswith(("request.", "solicitud."))
    assert no_quote(BY_FIELDS, language, field="rooms").endswith(": rooms.")


@languages
@pytest.mark.parametrize("reason", sorted(RAISED - NEVER_OF_A_ROOM))
def test_every_reason_against_a_room_is_worded(reason: str, language: Language) -> None:
    unknown = TEXTS.missed("Junior", "something_new", language)
    assert (TEXTS.missed("Junior", reason, language) == unknown) == (reason == BY_FIELDS)
