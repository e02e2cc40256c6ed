"""Alembic's way in: availability's own metadata."""

from services.availability.tables import metadata
from shared.database.migrations import run

run(metadata)
