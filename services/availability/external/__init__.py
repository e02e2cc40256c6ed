"""Rooms that an external system keeps: looked at, booked and cancelled there."""

from services.availability.external.model import look

__all__ = ["look"]
