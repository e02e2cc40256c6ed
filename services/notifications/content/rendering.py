"""Renders an event with the template files of its language; a missing variable is an error."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import time
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date, format_time
from babel.localedata import exists
from babel.numbers import format_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from jinja2 import Template as Compiled

from services.notifications.delivery import Content, Event, Page, PageParts, Template
from shared.contracts.common import Language
from shared.ids import new_id

TEMPLATES = Path(__file__).parent / "templates"
COMMON = "common"
PARTS = "parts.j2"
PHRASES = ("people", "stay", "shortfall")  # macros that every template can call; their results are cached
BY_EMAIL_ONLY = frozenset({Event.STAFF_ALERT})
LONGEST_TEMPLATE = 1024  # characters of a WhatsApp template's body
_SPACES = re.compile(r"\s+")
_CUT = f"<{new_id()}>"  # between the words of an e-mail; nothing that a guest writes can be it
_SLOT = re.compile(r"\{\{\w+\}\}")


class TemplateBroken(Exception):
    """A template is missing, or does not render; the text names its file."""


class Templates:
    """Every template, compiled once.

    `{language}/email/{event}.j2` has the blocks subject, heading and body; the body calls the forms of a page, of which
    an e-mail's text and HTML are made. `{language}/chat`, `sms` and `voice` are texts. `{language}/whatsapp` are the
    bodies of templates that WhatsApp approves, with slots for variables. `region` (ISO, two letters) decides the format
    of money and dates.

    Raises:
        TemplateBroken: when one is missing or cannot be compiled.
    """

    def __init__(self, region: str, folder: Path = TEMPLATES) -> None:
        self._compiled: dict[tuple[Language, str], Compiled] = {}
        for language in Language:
            environment = _environment(folder, language, region)
            for name in names():
                self._compiled[language, name] = _template(environment, language, name)

    def chat(self, event: Event, language: Language, facts: Mapping[str, Any]) -> Content:
        """The text for Messenger, Instagram, and WhatsApp within 24 hours of the guest's message."""
        return Content(self._text(language, f"chat/{event}.j2", facts))

    def sms(self, event: Event, language: Language, facts: Mapping[str, Any]) -> Content:
        """The text for SMS, in one line."""
        return Content(_SPACES.sub(" ", self._text(language, f"sms/{event}.j2", facts)))

    def voice(self, event: Event, language: Language, facts: Mapping[str, Any]) -> Content:
        """The text that is read out in a call."""
        return Content(_SPACES.sub(" ", self._text(language, f"voice/{event}.j2", facts)))

    def email(self, event: Event, language: Language, facts: Mapping[str, Any]) -> Content:
        """Subject (one line), text and page of an e-mail, all from one rendering."""
        name, form = f"email/{event}.j2", PageParts()
        words = self._render(language, name, {**facts, **form.forms}, layout="page.j2", cut=_CUT)
        subject, heading, property_name, contact, beside = (part.strip() for part in words.split(_CUT))
        if beside:
            raise TemplateBroken(f"template {language}/{name}: the body has words outside its forms")
        page = Page(language.value, property_name, heading, contact, form.parts)
        return Content(page.to_text(), _SPACES.sub(" ", subject), page)

    def parameters(self, event: Event, language: Language, facts: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
        """The values for the slots of a WhatsApp template, in their order; each is one line, as WhatsApp requires."""
        slots: dict[str, str] = {}
        self._slotted(event, language, facts, slots)
        return tuple(slots.items())

    def approved(self, name: str, event: Event, language: Language, facts: Mapping[str, Any]) -> Template:
        """An approved template with its values, under its name at the provider."""
        return Template(name, language.value, self.parameters(event, language, facts))

    def body(self, event: Event, language: Language, facts: Mapping[str, Any]) -> str:
        """The body of a WhatsApp template with its slots as {{names}}, as it is submitted for approval."""
        return self._slotted(event, language, facts, {})

    def undelivered(self, language: Language, occasion: str, channels: Sequence[str]) -> str:
        """The text that tells staff of a guest whom no channel reached."""
        return self._text(language, "staff/undelivered.j2", {"occasion": occasion, "channels": channels})

    def delivery_rate(self, language: Language, facts: Mapping[str, Any]) -> str:
        """The text that tells staff that too few messages of a channel arrive."""
        return self._text(language, "staff/delivery_rate.j2", facts)

    def _slotted(self, event: Event, language: Language, facts: Mapping[str, Any], slots: dict[str, str]) -> str:
        def slot(name: str, value: object) -> str:
            slots[name] = _SPACES.sub(" ", str(value)).strip() or "-"
            return f"{{{{{name}}}}}"

        return self._render(language, f"whatsapp/{event}.j2", facts, slot=slot)

    def _text(self, language: Language, name: str, facts: Mapping[str, Any]) -> str:
        return self._render(language, name, facts)

    def _render(self, language: Language, name: str, facts: Mapping[str, Any], **more: object) -> str:
        try:
            return self._compiled[language, name].render(facts, **more).strip()
        except (TemplateError, TypeError, ValueError, AttributeError) as error:
            raise TemplateBroken(f"template {language}/{name}: {error}") from error


def problems_of(body: str) -> list[str]:
    """Why WhatsApp would not approve a template's body."""
    problems = []
    if len(body) > LONGEST_TEMPLATE:
        problems.append(f"longer than {LONGEST_TEMPLATE} characters")
    if body.startswith("{{") or body.endswith("}}"):
        problems.append("begins or ends with a variable")
    if re.search(r"\}\}\s*\{\{", body):
        problems.append("has two variables side by side")
    if not _SLOT.search(body):
        problems.append("has no variable")
    return problems


def names() -> list[str]:
    """The paths of all required templates within a language."""
    guests = [event for event in Event if event not in BY_EMAIL_ONLY]
    by_chat = [f"{form}/{event}.j2" for form in ("chat", "sms", "whatsapp") for event in guests]
    to_staff = ["voice/staff_alert.j2", "staff/undelivered.j2", "staff/delivery_rate.j2"]
    return [*(f"email/{event}.j2" for event in Event), *by_chat, *to_staff]


@cache  # many services in one process, as in tests, compile templates once
def _environment(folder: Path, language: Language, region: str) -> Environment:
    locale = _locale(language, region)
    environment = Environment(
        loader=FileSystemLoader([folder / language, folder / COMMON]),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 — plain words, which a page escapes
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.do"],
    )
    environment.filters["money"] = _cached(lambda amount, currency: format_currency(amount, currency, locale=locale))
    environment.filters["day"] = _cached(lambda day: format_date(day, "long", locale=locale))
    environment.filters["short_day"] = _cached(lambda day: format_date(day, "short", locale=locale))
    environment.filters["hour"] = _cached(lambda hour: _hour(hour, locale))
    environment.filters["shown"] = _shown
    phrases = _template(environment, language, PARTS).module
    environment.globals.update({name: _cached(getattr(phrases, name)) for name in PHRASES})
    environment.globals.update(codes=phrases.codes, contact_us=phrases.contact_us(), language_code=language.value)  # type: ignore[attr-defined]
    return environment


def _template(environment: Environment, language: Language, name: str) -> Compiled:
    try:
        return environment.get_template(name)
    except TemplateError as error:
        raise TemplateBroken(f"template {language}/{name}: {error}") from error


def _cached(phrase: Callable[..., Any]) -> Callable[..., Any]:
    """The phrase with its results cached: the same values are frequent, and formatting is most of the time."""
    return lru_cache(maxsize=2000)(phrase)


def _hour(hour: time, locale: Locale) -> str:
    return format_time(hour, "short", locale=locale).replace("\u202f", "\u00a0")


def _locale(language: Language, region: str) -> Locale:
    regional = f"{language}_{region}"
    return Locale.parse(regional if exists(regional) else language.value)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
