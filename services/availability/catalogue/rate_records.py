"""Records of rates: none may be a tie with another one."""

from __future__ import annotations

from collections.abc import Iterable

from services.availability.catalogue.model import RateRecord
from services.availability.catalogue.queries import locked_rates
from services.availability.catalogue.rate_order import Rate, tie_of
from shared.database.pool import Connection
from shared.errors import Refusal

RATES_TIE = "rates_tie"


async def check_rates(connection: Connection, new: RateRecord) -> None:
    """Refuse a tie with a rate that there is; rates of a property are edited one after the other.

    Raises:
        Refusal: rates_tie.
    """
    check_no_tie(
        new, await locked_rates(connection, new.property_id, new.package)
    )  # two edits at once could make a tie


def rate_of(record: RateRecord) -> Rate:
    """The rate of a record, for comparison with others."""
    return Rate(
        package=record.package,
        adult=record.adult,
        child=record.child,
        extra_bed=record.extra_bed,
        type=record.type,
        first=record.first_night,
        last=record.last_night,
        weekdays=frozenset(record.weekdays) if record.weekdays is not None else None,
        season=record.season,
        rank=record.rank,
    )


def check_no_tie(record: RateRecord, others: Iterable[RateRecord]) -> None:
    """Refuse a rate that covers a night alike with another one of its package.

    Raises:
        Refusal: rates_tie, naming both and the night.
    """
    rate = rate_of(record)
    if tie := tie_of(rate, (rate_of(other) for other in others if other.key != record.key)):
        other, night = tie
        text = (
            f"rank: rate {rate.title} and rate {other.title} both cover {night}, and neither is more specific;"
            " give one of them a higher rank"
        )
        raise Refusal(RATES_TIE, text, field="rank", night=night.isoformat(), rates=[rate.title, other.title])
