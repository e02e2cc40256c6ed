"""Runs Alembic on the database of notifications."""

from services.notifications.tables import metadata
from shared.database.migrations import run

run(metadata)
