"""Turns an event into words with the template files of its language; a missing variable is an error."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel import Locale
from babel.dates import format_date
from babel.localedata import exists
from babel.numbers import format_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, TemplateError, select_autoescape

from services.notifications.deliveries import Content, Event
from shared.contracts.common import Language

TEMPLATES = Path(__file__).parent / "templates"
PARTS = "parts.j2"
PHRASES = ("people", "stay", "shortfall")  # its macros that every template can call
EMAIL_PARTS = ("subject", "text", "html")
BY_EMAIL_ONLY = frozenset({Event.STAFF_ALERT})


class TemplateBroken(Exception):
    """A template is missing, or does not render; the text names its file."""


class Templates:
    """Every template, compiled once: `{language}/email/{event}.{part}.j2`, `{language}/chat/{event}.j2`, and staff's.

    `region` (ISO, two letters) decides how money and dates are written.

    Raises:
        TemplateBroken: when one is missing or cannot be compiled.
    """

    def __init__(self, region: str, folder: Path = TEMPLATES) -> None:
        self._compiled: dict[tuple[Language, str], Template] = {}
        for language in Language:
            environment = _environment(folder, language, region)
            for name in _names():
                self._compiled[language, name] = _template(environment, language, name)

    def chat(self, event: Event, language: Language, facts: Mapping[str, Any]) -> Content:
        """The text for WhatsApp, Messenger, Instagram and SMS."""
        return Content(self._render(language, f"chat/{event}.j2", facts))

    def email(self, event: Event, language: Language, facts: Mapping[str, Any]) -> Content:
        """Subject (one line), text and HTML of an e-mail."""
        subject, text, html = (self._render(language, f"email/{event}.{part}.j2", facts) for part in EMAIL_PARTS)
        return Content(text, " ".join(subject.split()), html)

    def undelivered(self, language: Language, occasion: str, channels: Sequence[str]) -> str:
        """The sentence that tells staff of a guest whom no channel reached."""
        return self._render(language, "staff/undelivered.j2", {"occasion": occasion, "channels": channels})

    def _render(self, language: Language, name: str, facts: Mapping[str, Any]) -> str:
        try:
            return self._compiled[language, name].render(facts).strip()
        except TemplateError as error:
            raise TemplateBroken(f"template {language}/{name}: {error}") from error


def _names() -> list[str]:
    by_email = [f"email/{event}.{part}.j2" for event in Event for part in EMAIL_PARTS]
    by_chat = [f"chat/{event}.j2" for event in Event if event not in BY_EMAIL_ONLY]
    return [*by_email, *by_chat, "staff/undelivered.j2"]


def _environment(folder: Path, language: Language, region: str) -> Environment:
    locale = _locale(language, region)
    environment = Environment(
        loader=FileSystemLoader(folder / language),
        undefined=StrictUndefined,
        autoescape=select_autoescape(("html.j2",)),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["money"] = _kept(lambda amount, currency: format_currency(amount, currency, locale=locale))
    environment.filters["day"] = _kept(lambda of: format_date(of, "long", locale=locale))
    environment.filters["shown"] = _shown
    phrases = _template(environment, language, PARTS).module
    environment.globals.update({name: _kept(getattr(phrases, name)) for name in PHRASES})
    return environment


def _template(environment: Environment, language: Language, name: str) -> Template:
    try:
        return environment.get_template(name)
    except TemplateError as error:
        raise TemplateBroken(f"template {language}/{name}: {error}") from error


def _kept(phrase: Callable[..., Any]) -> Callable[..., Any]:
    """Answers the same figures from memory: guests come in few shapes, and this is most of a template's time."""
    return lru_cache(maxsize=2000)(phrase)


def _locale(language: Language, region: str) -> Locale:
    regional = f"{language}_{region}"
    return Locale.parse(regional if exists(regional) else language.value)


def _shown(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
