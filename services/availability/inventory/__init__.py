"""Rooms that Posada keeps itself: counted, held, booked and released."""

from services.availability.inventory.allocation import PricedRoom, ShortageTexts, held_room, not_enough, price_line
from services.availability.inventory.counting import shortages
from services.availability.inventory.handlers import hold_rooms, rooms_not_held
from services.availability.inventory.queries import count_refused, count_rooms
from services.availability.inventory.texts import TEXTS

__all__ = [
    "TEXTS",
    "PricedRoom",
    "ShortageTexts",
    "count_refused",
    "count_rooms",
    "held_room",
    "hold_rooms",
    "not_enough",
    "price_line",
    "rooms_not_held",
    "shortages",
]
