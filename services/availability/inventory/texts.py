"""Availability's sentences for the guest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from babel.dates import format_date

from services.availability.catalogue.property import Property
from services.availability.inventory.stay import Stay
from shared.contracts.availability import PlanQuote, Shortage
from shared.contracts.common import Language, RefusalDetails
from shared.texts import LOCALES, Texts


class AvailabilityTexts:
    """Words counts and shortages in the guest's language, with the property's own labels."""

    def __init__(self, folder: Path) -> None:
        self._texts = Texts(folder)

    def count(
        self,
        house: Property,
        stay: Stay,
        counts: Mapping[str, int],
        short: Sequence[Shortage],
        language: Language,
        *,
        wanted: bool,
    ) -> str:
        """All available, or what falls short, or simply what is free where nothing in particular is wanted."""
        return self._texts.render(
            language,
            "count",
            check_in=_day(stay.check_in, language),
            check_out=_day(stay.check_out, language),
            wanted=wanted,
            counts=[(house.types[key].label, count) for key, count in counts.items()],
            shortages=[shortage.model_dump() | {"label": house.types[shortage.type].label} for shortage in short],
        )

    def quote(self, house: Property, stay: Stay, plans: Sequence[PlanQuote], language: Language) -> str:
        """What each plan costs, the rooms of each with their own price."""
        return self._texts.render(
            language,
            "quote",
            check_in=_day(stay.check_in, language),
            check_out=_day(stay.check_out, language),
            nights=stay.nights,
            plans=plans,
            currency=house.currency,
        )

    def no_quote(self, error: RefusalDetails, language: Language) -> str:
        """Why there is no price, and what to check."""
        named = [problem["field"] for problem in error.details.get("problems", ())]
        fields = list(dict.fromkeys(named)) or [name for name in (error.details.get("field"),) if name]
        facts = {"room": error.details.get("room"), "night": error.details.get("night")}
        return self._texts.render(language, "no_quote", reason=error.reason, fields=fields, **facts)

    def shortage(self, house: Property, stay: Stay, short: Sequence[Shortage], language: Language) -> str:
        """A line for each type that falls short, and an invitation to try others."""
        return self.count(house, stay, {}, short, language, wanted=True)

    def no_count(self, error: RefusalDetails, language: Language) -> str:
        """Why a count cannot be made, and what to check."""
        problems = error.details.get("problems") or [{"field": error.details.get("field", "")}]
        fields = list(dict.fromkeys(problem["field"] for problem in problems))
        return self._texts.render(language, "no_count", reason=error.reason, fields=fields)

    def missed(self, label: str, reason: str, language: Language) -> str:
        """Why a room of a best-effort request could not be had, after its type's label."""
        return self._texts.render(language, "missed", label=label, reason=reason)


def _day(day: object, language: Language) -> str:
    return format_date(day, "long", locale=LOCALES[language])  # type: ignore[arg-type]


wording = AvailabilityTexts(Path(__file__).parents[1] / "texts")
