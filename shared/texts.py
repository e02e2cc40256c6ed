"""Texts for people: Jinja2 templates in files, a folder for each language; a missing variable is an error."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from babel.numbers import format_currency
from jinja2 import Environment, FileSystemLoader, StrictUndefined

LOCALES = {"es": "es_SV", "en": "en_US"}


class Texts:
    """The texts in a folder: `<language>/<name>.txt.j2`."""

    def __init__(self, folder: Path) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            autoescape=False,  # noqa: S701 — plain text for chats; HTML is rendered elsewhere
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters["money"] = money

    def render(self, language: str, name: str, **values: Any) -> str:
        """One text in one language, without blanks at its ends.

        Raises:
            jinja2.TemplateError: when there is no such text, or a value is missing.
        """
        template = self._environment.get_template(f"{language}/{name}.txt.j2")
        return template.render(language=language, **values).strip()


@lru_cache(maxsize=4096)
def money(amount: Decimal, currency: str, language: str) -> str:
    """An amount as people write it, such as $690.00."""
    return format_currency(amount, currency, locale=LOCALES.get(language, "en_US"))
