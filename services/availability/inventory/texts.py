"""Availability's guest-facing texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from babel.dates import format_date

from services.availability.catalogue import Property
from services.availability.stay import Stay
from shared.contracts.availability import PlanQuote, Shortage
from shared.contracts.common import Language, RefusalDetails
from shared.texts import LOCALES, Texts


class AvailabilityTexts:
    """Counts, quotes and shortages in the guest's language, with the property's labels."""

    def __init__(self, folder: Path) -> None:
        self._texts = Texts(folder)

    def count(
        self,
        property_: Property,
        stay: Stay,
        counts: Mapping[str, int],
        short: Sequence[Shortage],
        language: Language,
        *,
        wanted: bool,
    ) -> str:
        """What is free; where rooms are `wanted`, that all of them are free or which types fall short."""
        return self._texts.render(
            language,
            "count",
            check_in=_day(stay.check_in, language),
            check_out=_day(stay.check_out, language),
            wanted=wanted,
            counts=[(property_.types[key].label, count) for key, count in counts.items()],
            shortages=[shortage.model_dump() | {"label": property_.types[shortage.type].label} for shortage in short],
        )

    def quote(self, property_: Property, stay: Stay, plans: Sequence[PlanQuote], language: Language) -> str:
        """What each plan costs, with the price of each room."""
        return self._texts.render(
            language,
            "quote",
            check_in=_day(stay.check_in, language),
            check_out=_day(stay.check_out, language),
            nights=stay.nights,
            plans=plans,
            currency=property_.currency,
        )

    def no_quote(self, error: RefusalDetails, language: Language) -> str:
        """Why there is no quote, and what to check."""
        facts = {"room": error.details.get("room"), "night": error.details.get("night")}
        return self._texts.render(language, "no_quote", reason=error.reason, fields=_fields(error), **facts)

    def shortage(self, property_: Property, stay: Stay, short: Sequence[Shortage], language: Language) -> str:
        """A line for each type of which too few rooms are free, and an invitation to try others."""
        return self.count(property_, stay, {}, short, language, wanted=True)

    def no_count(self, error: RefusalDetails, language: Language) -> str:
        """Why there is no count, and what to check."""
        return self._texts.render(language, "no_count", reason=error.reason, fields=_fields(error))

    def missed(self, label: str, reason: str, language: Language) -> str:
        """Why a room of a best-effort request is not available, after its type's label."""
        return self._texts.render(language, "missed", label=label, reason=reason)


def _fields(error: RefusalDetails) -> list[str]:
    """The fields that a refusal names, each once."""
    named = [problem["field"] for problem in error.details.get("problems") or ()]
    return list(dict.fromkeys(named)) or [name for name in (error.details.get("field"),) if name]


def _day(day: object, language: Language) -> str:
    return format_date(day, "long", locale=LOCALES[language])  # type: ignore[arg-type]


TEXTS = AvailabilityTexts(Path(__file__).parents[1] / "texts")
