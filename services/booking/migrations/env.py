"""Alembic's way in: booking's own metadata."""

from services.booking.tables import metadata
from shared.database.migrations import run

run(metadata)
