"""Dates as banks write them: the bank's own day, with months named in the usual languages."""

from __future__ import annotations

import re
from contextlib import suppress
from datetime import date, datetime
from typing import Final

from services.payments.feeds.csv.words import plain

_NAMES: Final = (
    "january jan enero ene januar jaenner janner janvier janv janeiro gennaio gen",
    "february feb febrero februar fevrier fevr fevereiro fev febbraio",
    "march mar marzo marz maerz mrz mars marco",
    "april apr abril abr avril avr aprile",
    "may mayo mai maio maggio mag",
    "june jun junio juni juin junho giugno giu",
    "july jul julio juli juillet juil julho luglio lug",
    "august aug agosto ago aout aou",
    "september sep sept septiembre set setiembre septembre setembro settembre",
    "october oct octubre oktober okt octobre outubro out ottobre ott",
    "november nov noviembre novembre novembro",
    "december dec diciembre dic dezember dez decembre dezembro dicembre",
)
_MONTHS: Final = {name: f"{number:02}" for number, names in enumerate(_NAMES, 1) for name in names.split()}
_WORD: Final = re.compile(r"[^\W\d_]+\.?")
_BY_NAME: Final = re.compile(r"%[bB]")
_TIME: Final = re.compile(r"[T ]+%[HI].*$")
_CLOCK: Final = re.compile(r"(?:T|\s+)\d{1,2}:\d{2}.*$")


def read_date(text: str, date_format: str) -> date | None:
    """The day in a cell, as the format says.

    A final dot and a time of day are left out; a year may have two digits or four. None where it is no such date.
    """
    given, wanted = _numbered(text.strip().rstrip("."), date_format)
    bare, day_only = _CLOCK.sub("", given), _TIME.sub("", wanted)
    for form in (wanted, day_only):
        for written in (form, form.replace("%Y", "%y"), form.replace("%y", "%Y")):
            for one in (given, bare.rstrip(". ")):
                with suppress(ValueError):
                    return datetime.strptime(one, written).date()  # noqa: DTZ007  # the bank's own day
    return None


def _numbered(text: str, date_format: str) -> tuple[str, str]:
    """The text and the format with the month as a number, where it is named."""
    if not _BY_NAME.search(date_format):
        return text, date_format
    return _WORD.sub(lambda found: _MONTHS.get(plain(found[0].rstrip(".")), found[0]), text), _BY_NAME.sub(
        "%m", date_format
    )
