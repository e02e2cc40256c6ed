"""Rooms that an external system keeps: looked at, booked and cancelled there."""

from services.availability.external.model import give_up, look

__all__ = ["give_up", "look"]
