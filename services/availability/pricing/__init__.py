"""Prices and quotes."""

from services.availability.pricing.quotes import quote
from services.availability.pricing.rules import cents, check_extra_beds_cost, price_room, with_tax

__all__ = ["cents", "check_extra_beds_cost", "price_room", "quote", "with_tax"]
